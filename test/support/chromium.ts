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
 * @param more switches of its command line, such as rules that lead host names to ports of this machine.
 * @throws MissingBackend when there is none on the PATH.
 */
export async function startChromium(
  more: readonly string[] = [],
): Promise<Browser & { stop(): Promise<void> }> {
  const found = await Promise.all(NAMES.map(findCommand));
  const executablePath = found.find((path) => path !== undefined);
  if (executablePath === undefined) throw new MissingBackend('Chromium', 'apt-get install chromium');
  const browser = await chromium.launch({ executablePath, args: [...SWITCHES, ...more] });
  return Object.assign(browser, { stop: () => browser.close() });
}
