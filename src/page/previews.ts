import { byId, icon, make } from './dom.ts';
import { explain } from './explain.ts';
import { Refused, type Service, type Slot } from './service.ts';
import type { Session } from './session.ts';
import { view } from './viewer.ts';

/** What every browser shows. SVG is not among them, nor among the service's types to show. */
const SHOWN = /^(image)\/(?:avif|gif|jpeg|png|webp)$|^(video)\/(?:mp4|ogg|webm)$/;
/** Larger pictures are fetched when asked for only: bytes. */
const LARGEST_THUMB = 10_000_000;
/** A link that ends within this time is not used any more, milliseconds. */
const ENDS_SOON = 30_000;

/** Thumbnails by links to the content, each asked for when it comes into sight. */
export class Previews {
  readonly #service: Service;
  readonly #session: Session;
  readonly #links = new Map<string, { readonly url: string; readonly endsAt: number }>();
  readonly #notice = byId('links-notice', HTMLElement);
  /** Links are off, or not for this token. */
  #none = false;
  readonly #waiting = new Map<Element, () => void>();
  readonly #sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      this.#sight.unobserve(target);
      this.#waiting.get(target)?.();
      this.#waiting.delete(target);
    }
  });

  constructor(service: Service, session: Session) {
    this.#service = service;
    this.#session = session;
  }

  /** A picture of the slot's content, or of its kind; it opens the viewer where there is something to view. */
  thumb(slot: Slot): HTMLElement {
    const kind = kindOf(slot);
    const name = slot.filename ?? slot.id;
    const symbol = icon(kind === 'image' ? 'image' : kind === 'video' ? 'film' : 'file', 'icon large');
    if (kind === undefined || slot.state !== 'uploaded' || this.#none || !this.#session.can('read'))
      return make('span', { className: 'thumb' }, symbol);
    const place = make('button', { type: 'button', className: 'thumb', ariaLabel: `View ${name}` }, symbol);
    place.dataset['focus'] = `${slot.id} view`;
    place.addEventListener('click', () => view(name, kind, () => this.#linkOf(slot)));
    if (kind === 'image' && slot.size > LARGEST_THUMB) return place;
    this.#waiting.set(place, () => void this.#fill(place, slot, kind));
    this.#sight.observe(place);
    return place;
  }

  async #fill(place: HTMLElement, slot: Slot, kind: 'image' | 'video'): Promise<void> {
    let url: string;
    try {
      url = await this.#linkOf(slot);
    } catch (error) {
      this.#explainOnce(error);
      return;
    }
    if (kind === 'image') {
      const image = make('img', { alt: '', src: url });
      image.addEventListener('load', () => place.replaceChildren(image));
      return;
    }
    const video = make('video', {
      src: url,
      preload: 'metadata',
      muted: true,
      tabIndex: -1,
      playsInline: true,
    });
    video.setAttribute('aria-hidden', 'true');
    video.addEventListener('loadeddata', () => place.replaceChildren(video, icon('play', 'icon play')), {
      once: true,
    });
  }

  async #linkOf({ id }: Slot): Promise<string> {
    const known = this.#links.get(id);
    if (known !== undefined && known.endsAt - Date.now() > ENDS_SOON) return known.url;
    const { url, expiresAt } = await this.#service.link(id, 'inline');
    this.#links.set(id, { url, endsAt: Date.parse(expiresAt) });
    return url;
  }

  /** One thumbnail that there cannot be says it for all. */
  #explainOnce(error: unknown): void {
    if (!(error instanceof Refused) || this.#none) return;
    const isOff = error.status === 501;
    if (!isOff && error.status !== 403) return;
    this.#none = true;
    this.#notice.textContent = isOff
      ? 'There are no thumbnails and films here, for the service makes no links: content.linkSecretFiles in its configuration turns them on.'
      : `There are no thumbnails and films here. ${explain(error).what}`;
    this.#notice.hidden = false;
  }

  end(): void {
    this.#sight.disconnect();
    this.#waiting.clear();
    this.#links.clear();
    this.#notice.hidden = true;
  }
}

function kindOf({ contentType }: Slot): 'image' | 'video' | undefined {
  const [, image, video] = SHOWN.exec((contentType.split(';')[0] ?? '').trim().toLowerCase()) ?? [];
  return image !== undefined ? 'image' : video !== undefined ? 'video' : undefined;
}
