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

/**
 * A Chromium of this machine, without a window.
 * @throws MissingBackend when there is none on the PATH.
 */
export async function startChromium(): Promise<Browser & { stop(): Promise<void> }> {
  const found = await Promise.all(NAMES.map(findCommand));
  const executablePath = found.find((path) => path !== undefined);
  if (executablePath === undefined) throw new MissingBackend('Chromium', 'apt-get install chromium');
  const browser = await chromium.launch({ executablePath, args: SWITCHES });
  return Object.assign(browser, { stop: () => browser.close() });
}
