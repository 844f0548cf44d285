/** SHA-256 (FIPS 180-4), piece by piece: what browsers have themselves takes only all at once. */
export class Sha256 {
  readonly #state = Int32Array.from(ROOTS.subarray(0, 8));
  readonly #schedule = new Int32Array(64);
  readonly #block = new Uint8Array(64);
  readonly #view = new DataView(this.#block.buffer);
  /** Bytes so far. */
  #length = 0;

  update(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const filled = this.#length % 64;
      const piece = bytes.subarray(at, at + 64 - filled);
      this.#block.set(piece, filled);
      this.#length += piece.length;
      at += piece.length;
      if (filled + piece.length === 64) this.#compress();
    }
  }

  /** The 32 bytes. Nothing can be added afterwards. */
  digest(): Uint8Array<ArrayBuffer> {
    const bits = this.#length * 8;
    this.update(Uint8Array.of(0x80));
    while (this.#length % 64 !== 56) this.update(Uint8Array.of(0));
    const length = new DataView(new ArrayBuffer(8));
    length.setUint32(0, bits / 2 ** 32);
    length.setUint32(4, bits);
    this.update(new Uint8Array(length.buffer));
    const digest = new DataView(new ArrayBuffer(32));
    this.#state.forEach((word, index) => digest.setInt32(index * 4, word));
    return new Uint8Array(digest.buffer);
  }

  #compress(): void {
    const w = this.#schedule;
    for (let t = 0; t < 16; t += 1) w[t] = this.#view.getInt32(t * 4);
    for (let t = 16; t < 64; t += 1) {
      const [x, y] = [word(w, t - 15), word(w, t - 2)];
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
      w[t] = word(w, t - 16) + s0 + word(w, t - 7) + s1;
    }
    const state = this.#state;
    let [a, b, c, d] = [word(state, 0), word(state, 1), word(state, 2), word(state, 3)];
    let [e, f, g, h] = [word(state, 4), word(state, 5), word(state, 6), word(state, 7)];
    for (let t = 0; t < 64; t += 1) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + word(CUBES, t) + word(w, t)) | 0;
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    for (const [index, value] of [a, b, c, d, e, f, g, h].entries())
      state[index] = word(state, index) + value;
  }
}

const word = (words: Int32Array, index: number): number => words[index] as number;
const rotate = (value: number, by: number): number => (value >>> by) | (value << (32 - by));

/** The first 32 bits behind the point of a power of each of the first 64 primes: the standard's constants are made so. */
function fractions(power: number): Int32Array {
  const words = new Int32Array(64);
  for (let n = 2, found = 0; found < 64; n += 1) {
    let isPrime = true;
    for (let d = 2; d * d <= n; d += 1) if (n % d === 0) isPrime = false;
    if (isPrime) words[found++] = (n ** power % 1) * 2 ** 32;
  }
  return words;
}

const ROOTS = fractions(1 / 2);
const CUBES = fractions(1 / 3);
