import { make } from './dom.ts';
import { Refused, type Service, type Slot } from './service.ts';

/** What is read whole into the memory of the page, where there are no links: bytes. */
const MOST_IN_MEMORY = 500_000_000;

/** By a link, so that the browser writes it to the disk as it comes; without links through the memory of the page. */
export async function download(service: Service, { id, filename, size }: Slot): Promise<void> {
  try {
    const { url } = await service.link(id, 'attachment');
    make('a', { href: url, download: filename ?? id }).click();
    return;
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 501) throw error;
  }
  if (size > MOST_IN_MEMORY)
    throw new Refused(
      501,
      'links_off',
      'Without links (content.linkSecretFiles) this file is too large for the page. Use curl.',
    );
  const url = URL.createObjectURL(await service.content(id));
  make('a', { href: url, download: filename ?? id }).click();
  URL.revokeObjectURL(url);
}
