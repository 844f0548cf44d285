#!/usr/bin/env node
// Plain JavaScript that even an old Node runs: it says in one line what would otherwise be a riddle.
var major = Number(process.version.slice(1).split('.')[0]);
if (major < 24) {
  console.error(
    'sealslot needs Node 24 or later, and this is ' + process.version + ' (' + process.execPath + ').',
  );
  process.exit(1);
}
import('../dist/main.js');
