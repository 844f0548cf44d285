import { createUploader } from '../client/browser/index.ts';
import { say } from './announce.ts';
import { watchCurlDialog } from './curl-dialog.ts';
import { watchDeleteDialog } from './delete-dialog.ts';
import { byId } from './dom.ts';
import { explain, showProblem } from './explain.ts';
import { watchPicking } from './picking.ts';
import { ENDPOINT, Refused, Service } from './service.ts';
import { Session } from './session.ts';
import { Slots } from './slots.ts';
import { watchThemeButton } from './theme.ts';
import { Uploads } from './uploads.ts';
import { watchRequests } from './witness.ts';

/** What there is while somebody is signed in. */
interface Visit {
  readonly session: Session;
  readonly uploads: Uploads;
  readonly slots: Slots;
}
let visit: Visit | undefined;

const token = byId('token', HTMLInputElement);
const problem = byId('token-problem', HTMLElement);
const signInButton = byId('sign-in-button', HTMLButtonElement);

async function signIn(text: string): Promise<void> {
  const session = new Session(text);
  const slots = new Slots(new Service(session), session);
  const uploader = createUploader({ endpoint: ENDPOINT, getToken: () => session.token });
  const uploads = new Uploads(uploader, session, () => void show(slots));
  visit = { session, uploads, slots };
  try {
    // Who may not list may upload all the same; who is not known at all may nothing.
    await slots.show();
  } catch (error) {
    signOut();
    refuse(error);
    return;
  }
  byId('who', HTMLElement).textContent = `Signed in with ${session.kind}.${
    session.kind === 'an API key' ? ' Good to try things out; a page of your own needs a JWT or a grant.' : ''
  }`;
  swap(true);
  byId('choose', HTMLElement).focus();
  say('Signed in.');
}

async function show(slots: Slots): Promise<void> {
  await slots.show().catch((error: unknown) => {
    signOut();
    refuse(error);
  });
}

function signOut(): void {
  visit?.session.ending.abort();
  visit?.uploads.end();
  visit?.slots.end();
  visit = undefined;
  swap(false);
  token.focus();
}

function swap(isSignedIn: boolean): void {
  byId('signed-out', HTMLElement).hidden = isSignedIn;
  byId('signed-in', HTMLElement).hidden = !isSignedIn;
  byId('sign-out', HTMLElement).hidden = !isSignedIn;
}

function refuse(error: unknown): void {
  const { what, code, address } = explain(error);
  const isUnknown = error instanceof Refused && error.status === 401;
  const hint = isUnknown
    ? 'Is it whole? Grants and JWTs end, and an API key may have been revoked.'
    : undefined;
  showProblem(problem, { what, code, hint, address });
  token.setAttribute('aria-invalid', 'true');
  token.focus();
}

function mistakeIn(text: string): string | undefined {
  if (text.trim() === '') return 'Paste a token first.';
  return Session.isToken(text) ? undefined : 'This is no token: it has characters that none has.';
}

byId('sign-in', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  const text = token.value;
  problem.hidden = true;
  token.removeAttribute('aria-invalid');
  const mistake = mistakeIn(text);
  if (mistake !== undefined) {
    refuse(new Error(mistake));
    return;
  }
  // From here on it is in the session alone.
  token.value = '';
  signInButton.disabled = true;
  void signIn(text).finally(() => (signInButton.disabled = false));
});
byId('sign-out', HTMLButtonElement).addEventListener('click', () => {
  signOut();
  say('Signed out.');
});
for (const close of document.querySelectorAll('dialog .close'))
  close.addEventListener('click', () => close.closest('dialog')?.close());
watchThemeButton(byId('theme', HTMLElement), byId('theme-name', HTMLElement));
watchCurlDialog();
watchDeleteDialog();
watchRequests();
watchPicking(
  () => visit !== undefined,
  (picked) => visit?.uploads.add(picked),
);
