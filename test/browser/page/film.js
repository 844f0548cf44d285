// A film that can only be played whole by seeking: a picture a second, each followed by much that is nothing. VP8 by WebCodecs, in WebM.
const ascii = (text) => Array.from(text, (letter) => letter.charCodeAt(0));
const number = (value, bytes = 8) =>
  Array.from({ length: bytes }, (_, at) => Math.floor(value / 256 ** (bytes - 1 - at)) % 256);
const hex = (id) => id.match(/../g).map((pair) => parseInt(pair, 16));

function floatBytes(value) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return new Uint8Array(view.buffer);
}

/** An EBML element; its size always takes eight bytes, so that places can be known before the content. */
function element(id, ...content) {
  const parts = content.map((part) => (part instanceof Uint8Array ? part : Uint8Array.from(part)));
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const head = [...hex(id), 0x01, ...number(size, 7)];
  const bytes = new Uint8Array(head.length + size);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function pictures(count, width, height) {
  const frames = [];
  const encoder = new VideoEncoder({
    output(chunk) {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      frames.push(bytes);
    },
    error: reportError,
  });
  encoder.configure({ codec: 'vp8', width, height });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  for (let second = 0; second < count; second += 1) {
    context.fillStyle = `hsl(${second * 6} 90% 50%)`;
    context.fillRect(0, 0, width, height);
    const frame = new VideoFrame(canvas, { timestamp: second * 1e6 });
    encoder.encode(frame, { keyFrame: true });
    frame.close();
  }
  await encoder.flush();
  encoder.close();
  return frames;
}

/** @param padding bytes after each picture. */
async function film(seconds, padding) {
  const [width, height] = [64, 48];
  const frames = await pictures(seconds, width, height);
  const nothing = element('ec', new Uint8Array(padding));
  const clusters = frames.map((frame, second) =>
    element('1f43b675', element('e7', number(second * 1000)), element('a3', [0x81, 0, 0, 0x80], frame)),
  );
  const info = element(
    '1549a966',
    element('2ad7b1', number(1e6)),
    element('4489', floatBytes(seconds * 1000)),
    element('4d80', ascii('test')),
    element('5741', ascii('test')),
  );
  const picture = element('e0', element('b0', number(width)), element('ba', number(height)));
  const track = element(
    'ae',
    element('d7', [1]),
    element('73c5', [1]),
    element('83', [1]),
    element('86', ascii('V_VP8')),
    picture,
  );
  const tracks = element('1654ae6b', track);
  const cues = (places) =>
    element(
      '1c53bb6b',
      ...places.map((place, second) =>
        element(
          'bb',
          element('b3', number(second * 1000)),
          element('b7', element('f7', [1]), element('f1', number(place))),
        ),
      ),
    );
  const seekHead = (place) =>
    element('114d9b74', element('4dbb', element('53ab', hex('1c53bb6b')), element('53ac', number(place))));
  const cuesAt = seekHead(0).length + info.length + tracks.length;
  let at = cuesAt + cues(clusters.map(() => 0)).length;
  const places = clusters.map(({ length }) => {
    const place = at;
    at += length + nothing.length;
    return place;
  });
  const head = element(
    '1a45dfa3',
    ...[element('4286', [1]), element('42f7', [1]), element('42f2', [4]), element('42f3', [8])],
    ...[element('4282', ascii('webm')), element('4287', [2]), element('4285', [2])],
  );
  const segment = element(
    '18538067',
    seekHead(cuesAt),
    info,
    tracks,
    cues(places),
    ...clusters.flatMap((cluster) => [cluster, nothing]),
  );
  return new File([head, segment], 'film.webm', { type: 'video/webm' });
}

globalThis.film = film;

/** Plays from a link; resolves when a picture of that second is there. */
globalThis.seek = async (url, second) => {
  const video = Object.assign(document.createElement('video'), {
    src: url,
    muted: true,
    preload: 'metadata',
  });
  document.body.append(video);
  const happens = (name) =>
    new Promise((resolve, reject) => {
      video.addEventListener(name, resolve, { once: true });
      video.addEventListener('error', () => reject(new Error(video.error.message)), { once: true });
    });
  await happens('loadedmetadata');
  const seeked = happens('seeked');
  video.currentTime = second;
  await seeked;
  return {
    duration: video.duration,
    at: video.currentTime,
    width: video.videoWidth,
    isThere: video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA,
  };
};
