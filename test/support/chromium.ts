import { createHash, X509Certificate } from 'node:crypto';
import { chromium, type Browser } from 'playwright-core';
import { MissingBackend } from './available.ts';
import { findCommand } from './cache.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const SWITCHES = [
  // Root has no sandbox.
  '--no-sandbox',
  '--disable-dev-shm-usage',
  // What it says to nobody but its maker.
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
];

export interface ChromiumOptions {
  /** PEM of the server certificates that it trusts beside those of public CAs; every other of the same CA is refused as ever. */
  readonly trusts?: readonly string[];
  /** Host names with a port that lead to a port of this machine. */
  readonly names?: Readonly<Record<string, number>>;
}

/**
 * A Chromium of this machine, without a window.
 * @throws MissingBackend when there is none on the PATH.
 */
export async function startChromium({ trusts = [], names = {} }: ChromiumOptions = {}): Promise<
  Browser & { stop(): Promise<void> }
> {
  const rules = Object.entries(names).map(([name, port]) => `MAP ${name} 127.0.0.1:${port}`);
  const found = await Promise.all(NAMES.map(findCommand));
  const executablePath = found.find((path) => path !== undefined);
  if (executablePath === undefined) throw new MissingBackend('Chromium', 'apt-get install chromium');
  const args = [
    ...SWITCHES,
    `--ignore-certificate-errors-spki-list=${trusts.map(spkiHash).join()}`,
    `--host-resolver-rules=${rules.join()}`,
  ];
  const browser = await chromium.launch({ executablePath, args });
  return Object.assign(browser, { stop: () => browser.close() });
}

function spkiHash(certificate: string): string {
  const spki = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64');
}
