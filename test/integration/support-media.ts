import type { Browser } from 'playwright-core';

const RATE = 8_000;

const CANVAS = "const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });";
const PICTURE = `(() => { ${CANVAS} canvas.getContext('2d').fillRect(0, 0, 9, 9); return canvas.toDataURL('image/png'); })()`;
const FILM = `(async () => {
  ${CANVAS}
  const picture = canvas.getContext('2d');
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: 'video/webm;codecs=vp8' });
  const recorded = new Promise((resolve) => recorder.addEventListener('dataavailable', ({ data }) => resolve(data)));
  recorder.start();
  for (let frame = 0; frame < 15; frame += 1) {
    picture.fillStyle = frame % 2 === 0 ? 'red' : 'blue';
    picture.fillRect(0, 0, 64, 48);
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  recorder.stop();
  const reader = new FileReader();
  reader.readAsDataURL(await recorded);
  await new Promise((resolve) => reader.addEventListener('load', resolve));
  return reader.result;
})()`;

/** A PNG, 64 pixels wide, of the browser's own making. */
export const picture = (browser: Browser): Promise<Buffer> => made(browser, PICTURE);

/** A WebM of some frames, 64 pixels wide. */
export const film = (browser: Browser): Promise<Buffer> => made(browser, FILM);

/** @param script makes a data URL. */
async function made(browser: Browser, script: string): Promise<Buffer> {
  const page = await browser.newPage();
  const url = await page.evaluate<string>(script);
  await page.close();
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}

/** A WAV of a second of silence: 8 bits, one channel. */
export function sound(): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + RATE, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write('data', 36);
  head.writeUInt32LE(RATE, 40);
  return Buffer.concat([head, Buffer.alloc(RATE, 128)]);
}
