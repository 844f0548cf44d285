import { byId } from './dom.ts';

/** Asks first. @returns whether the answer was yes. */
export function confirmDelete(name: string): Promise<boolean> {
  const dialog = byId('delete-dialog', HTMLDialogElement);
  byId('delete-text', HTMLElement).textContent =
    `${name} goes from S3, all versions of it, and then its key is destroyed. Nobody can bring it back.`;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }),
  );
}

export function watchDeleteDialog(): void {
  const dialog = byId('delete-dialog', HTMLDialogElement);
  byId('delete-yes', HTMLButtonElement).addEventListener('click', () => dialog.close('yes'));
}
