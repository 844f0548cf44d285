import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase } from '../open.ts';
import { storeOver } from '../store-over.ts';
import type { ToWriter, WriterData } from './calls.ts';
import { GroupConnection, runGroup } from './group.ts';

/** The thread that writes. What it does not catch ends it, which those that wait for it are told. */
const { path, isSuccessor } = workerData as WriterData;
const connection = new GroupConnection(openDatabase(path));
if (isSuccessor) connection.scrubLater();
const store = storeOver(connection, undefined);
const port = parentPort;

/** One group after the other, in the order in which they came. */
let last = Promise.resolve();
port?.on('message', (message: ToWriter) => {
  last = last.then(() => take(message));
});

async function take(message: ToWriter): Promise<void> {
  if (message !== 'close') {
    port?.postMessage(await runGroup(connection, store, message));
    return;
  }
  await store.close();
  port?.close();
}
