// Plain JavaScript that even an old Node runs: it ends what would otherwise fail with a riddle.
var major = Number(process.version.slice(1).split('.')[0]);
if (major < 24) {
  console.error(
    'sealslot needs Node 24 or later, and this is ' +
      process.version +
      '. "npm ci" brings its own Node along;\n' +
      'after "npm ci --ignore-scripts" that is missing and the one of this machine is used. Run: npm ci',
  );
  process.exit(1);
}
