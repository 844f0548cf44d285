import { byId, make } from './dom.ts';
import { explain, showProblem } from './explain.ts';

/**
 * The picture or film, large, by a link.
 * @param link makes one that is good now; a film that outlives its link asks for another and goes on.
 */
export function view(name: string, kind: 'image' | 'video', link: () => Promise<string>): void {
  const dialog = byId('view-dialog', HTMLDialogElement);
  const place = byId('view', HTMLElement);
  byId('view-title', HTMLElement).textContent = name;
  place.replaceChildren();
  dialog.showModal();
  // A film that is not seen any more must not go on loading.
  dialog.addEventListener('close', () => place.replaceChildren(), { once: true });

  const fail = (error: unknown): void => {
    const problem = make('div', { className: 'problem', role: 'alert' });
    showProblem(problem, explain(error));
    place.replaceChildren(problem);
  };
  link().then(
    (url) => place.replaceChildren(kind === 'image' ? picture(name, url, fail) : film(name, url, link, fail)),
    fail,
  );
}

function picture(name: string, url: string, fail: (error: unknown) => void): HTMLElement {
  const image = make('img', { alt: name, src: url });
  image.addEventListener('error', () => fail(new Error('The picture cannot be shown.')));
  return image;
}

function film(
  name: string,
  url: string,
  link: () => Promise<string>,
  fail: (error: unknown) => void,
): HTMLElement {
  const video = make('video', {
    src: url,
    controls: true,
    playsInline: true,
    preload: 'metadata',
    ariaLabel: name,
  });
  let failedAt = -1;
  video.addEventListener('error', () => {
    const { currentTime } = video;
    // Twice at the same place is not the link's end.
    if (currentTime === failedAt) {
      fail(new Error('The film cannot be played here.'));
      return;
    }
    failedAt = currentTime;
    link().then((again) => {
      video.src = again;
      video.currentTime = currentTime;
    }, fail);
  });
  return video;
}
