import type { Browser } from 'playwright-core';

const WIDTH = 64;
const HEIGHT = 48;
const RATE = 8_000;

/** A PNG, 64 pixels wide, of the browser's own making. */
export async function picture(browser: Browser): Promise<Buffer> {
  const page = await browser.newPage();
  const url = await page.evaluate(
    ([width, height]) => {
      const canvas = Object.assign(document.createElement('canvas'), { width, height });
      canvas.getContext('2d')?.fillRect(0, 0, 9, 9);
      return canvas.toDataURL('image/png');
    },
    [WIDTH, HEIGHT] as const,
  );
  await page.close();
  return fromDataUrl(url);
}

/** A WebM of some frames, 64 pixels wide. */
export async function film(browser: Browser): Promise<Buffer> {
  const page = await browser.newPage();
  const url = await page.evaluate(
    async ([width, height]) => {
      const canvas = Object.assign(document.createElement('canvas'), { width, height });
      const picture = canvas.getContext('2d');
      const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: 'video/webm;codecs=vp8' });
      const chunks: Blob[] = [];
      recorder.addEventListener('dataavailable', ({ data }) => chunks.push(data));
      const stopped = new Promise((resolve) => recorder.addEventListener('stop', resolve));
      recorder.start();
      for (let frame = 0; frame < 15; frame += 1) {
        if (picture) picture.fillStyle = frame % 2 === 0 ? 'red' : 'blue';
        picture?.fillRect(0, 0, width, height);
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      recorder.stop();
      await stopped;
      const reader = new FileReader();
      const read = new Promise((resolve) => reader.addEventListener('load', resolve));
      reader.readAsDataURL(new Blob(chunks));
      await read;
      return String(reader.result);
    },
    [WIDTH, HEIGHT] as const,
  );
  await page.close();
  return fromDataUrl(url);
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

const fromDataUrl = (url: string): Buffer => Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
