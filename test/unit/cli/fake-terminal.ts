import { Writable } from 'node:stream';
import { processTerminal, type Terminal } from '../../../src/cli/partner/terminal.ts';

/** A terminal that keeps what is written, has its own clock, and does not make anybody wait. */
export function fakeTerminal(stderr: { isTTY?: boolean; columns?: number } = {}) {
  const clock = { now: 0 };
  const pauses: number[] = [];
  const [out, err] = [keeping(), keeping()];
  const terminal: Terminal = {
    stdout: out.stream,
    stderr: Object.assign(err.stream, stderr),
    now: () => clock.now,
    retry: { ...processTerminal.retry, pause: async (milliseconds) => void pauses.push(milliseconds) },
    onInterrupt: () => () => undefined,
  };
  return { ...terminal, clock, pauses, out: out.text, err: err.text };
}

function keeping() {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text };
}
