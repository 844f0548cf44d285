import { say, warn } from './announce.ts';
import { showUploadCommands } from './curl-dialog.ts';
import { button, icon, make } from './dom.ts';
import { explain, showProblem } from './explain.ts';
import { bytes, percent } from './format.ts';
import { sawDetails } from './saw.ts';
import type { Transfer, TransferState } from './transfer.ts';
import { originOf } from './witness.ts';

const WORDS: Readonly<Record<TransferState, readonly [words: string, tone: string]>> = {
  waiting: ['Waiting', 'quiet'],
  preparing: ['Preparing', 'busy'],
  uploading: ['Uploading', 'busy'],
  paused: ['Paused', 'wait'],
  offline: ['Offline, goes on by itself', 'wait'],
  completing: ['Checking', 'busy'],
  uploaded: ['Uploaded', 'good'],
  failed: ['Failed', 'bad'],
  cancelled: ['Cancelled', 'quiet'],
};
/** Of which screen readers hear. */
const TOLD: ReadonlySet<TransferState> = new Set(['paused', 'offline', 'uploaded', 'cancelled']);
const MILESTONES = [25, 50, 75];

interface Actions {
  readonly cancel: () => Promise<void>;
  readonly retry: () => void;
  readonly remove: () => void;
}

/** One file of the visit, kept up to date. */
export function transferRow(transfer: Transfer, actions: Actions): HTMLLIElement {
  const { file, path } = transfer;
  const badge = make('span', { className: 'badge' });
  const progress = make('progress', {
    max: Math.max(file.size, 1),
    value: 0,
    ariaLabel: `Upload of ${path}`,
  });
  const meta = make('p', { className: 'meta' });
  const problem = make('div', { className: 'problem', hidden: true });
  const saw = sawDetails(() => transfer.id);
  const buttons = {
    pause: button('Pause', path, 'pause', () => transfer.pause()),
    resume: button('Resume', path, 'play', () => transfer.resume()),
    retry: button('Retry', path, 'retry', actions.retry),
    cancel: button('Cancel', path, 'cancel', () => void cancel(transfer, actions, problem)),
    curl: button('curl', `for ${path}`, 'terminal', () => showUploadCommands(file)),
    remove: button('Remove', `${path} from this list`, 'cancel', actions.remove),
  };
  const main = make(
    'div',
    {},
    make('div', { className: 'head' }, make('h3', { className: 'name' }, path), badge),
    progress,
    meta,
  );
  const bar = make('div', { className: 'actions' }, ...Object.values(buttons));
  const row = make('li', { className: 'row' }, thumb(file), main, bar, problem, saw);

  let told: TransferState | undefined;
  let passed = 0;
  transfer.changed = () => {
    const { state } = transfer;
    const [words, tone] = WORDS[state];
    row.dataset['state'] = state;
    badge.textContent = words;
    badge.dataset['tone'] = tone;
    progress.value = file.size === 0 && state === 'uploaded' ? 1 : transfer.bytes;
    progress.hidden = state === 'waiting' || state === 'cancelled' || state === 'uploaded';
    meta.textContent = metaOf(transfer);
    saw.hidden = transfer.id === undefined;
    showButtons(buttons, transfer);
    if (state === told) {
      passed = tellMilestone(transfer, passed);
      return;
    }
    told = state;
    passed = 0;
    if (state === 'failed') {
      const explanation = explain(transfer.error, originOf(transfer.id));
      showProblem(problem, explanation);
      warn(`${path}: failed. ${explanation.what} ${explanation.hint ?? ''}`);
      return;
    }
    problem.hidden = true;
    if (TOLD.has(state)) say(`${path}: ${words}.`);
  };
  transfer.changed();
  return row;
}

async function cancel(transfer: Transfer, actions: Actions, problem: HTMLElement): Promise<void> {
  try {
    await actions.cancel();
  } catch (error) {
    const explanation = explain(error, originOf(transfer.id));
    showProblem(problem, explanation);
    warn(`${transfer.path}: ${explanation.what}`);
  }
}

function showButtons(
  buttons: Readonly<Record<'pause' | 'resume' | 'retry' | 'cancel' | 'curl' | 'remove', HTMLButtonElement>>,
  { state, hasEnded }: Transfer,
): void {
  const focused = document.activeElement;
  const shown: Record<keyof typeof buttons, boolean> = {
    pause: state === 'uploading' || state === 'preparing' || state === 'offline',
    resume: state === 'paused',
    retry: state === 'failed' || state === 'cancelled',
    cancel: !hasEnded && state !== 'completing',
    curl: hasEnded,
    remove: hasEnded,
  };
  for (const name of Object.keys(shown) as (keyof typeof buttons)[]) buttons[name].hidden = !shown[name];
  // The button that was pressed may be gone: the next one takes the keyboard, or it would be lost.
  const all = Object.values(buttons);
  if (all.some((each) => each === focused && each.hidden)) all.find((each) => !each.hidden)?.focus();
}

function metaOf({ state, bytes: done, resumed, speed, file }: Transfer): string {
  const parts: string[] = [];
  if (state === 'uploaded' || state === 'waiting' || state === 'cancelled') parts.push(bytes(file.size));
  else parts.push(`${bytes(done)} of ${bytes(file.size)}`, `${percent(done, file.size)} %`);
  const rate = speed.bytesPerSecond;
  if (state === 'uploading' && rate !== undefined) parts.push(`${bytes(Math.round(rate))}/s`);
  if (resumed > 0) parts.push(`${bytes(resumed)} of it were there already`);
  return parts.join(' · ');
}

function tellMilestone({ path, state, bytes: done, file }: Transfer, passed: number): number {
  const now = percent(done, file.size);
  const milestone = MILESTONES.findLast((each) => each <= now && each > passed);
  if (state !== 'uploading' || milestone === undefined) return passed;
  say(`${path}: ${milestone} %.`);
  return milestone;
}

/** What lies on this device is shown from there. */
function thumb(file: File): HTMLElement {
  const place = make('span', { className: 'thumb' });
  const kind = file.type.split('/')[0];
  place.append(icon(kind === 'image' ? 'image' : kind === 'video' ? 'film' : 'file', 'icon large'));
  if (!/^image\/(png|jpeg|gif|webp|avif)$/.test(file.type)) return place;
  const image = make('img', { alt: '', src: URL.createObjectURL(file) });
  image.addEventListener('load', () => {
    URL.revokeObjectURL(image.src);
    place.replaceChildren(image);
  });
  image.addEventListener('error', () => URL.revokeObjectURL(image.src));
  return place;
}
