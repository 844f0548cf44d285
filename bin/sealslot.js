#!/usr/bin/env node
// Plain JavaScript that even an old Node runs: it says in one line what would otherwise be a riddle.
var major = Number(process.version.slice(1).split('.')[0]);
if (major < 24) {
  console.error(
    'sealslot needs Node 24 or later, and this is ' + process.version + ' (' + process.execPath + ').',
  );
  process.exit(1);
}

// V8 takes the size of its young generation as an argument only, and without one lets it grow to 64 MB. So the process begins anew with it:
// same id, same output, same signals. Whoever has set it, for all of Node or for this call, has the last word.
var YOUNG = '--max-semi-space-size';
var isSet = process.execArgv.concat(process.env.NODE_OPTIONS || '').some(function (argument) {
  return argument.replace(/_/g, '-').indexOf(YOUNG) >= 0;
});
// Before Node 26 a refused execve ends the process (SIGABRT) instead of throwing.
if (process.argv[2] === 'serve' && major >= 26 && process.execve && !isSet) {
  try {
    process.execve(
      process.execPath,
      [process.execPath].concat(process.execArgv, YOUNG + '=8', process.argv.slice(1)),
      process.env,
    );
  } catch (error) {
    // Not on this system: it runs all the same, and takes some more memory.
  }
}
import('../dist/main.js');
