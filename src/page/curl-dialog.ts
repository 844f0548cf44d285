import { byId } from './dom.ts';
import { downloadByCurl, localName, nameToWrite, uploadByCurl } from './curl.ts';
import { ENDPOINT, type Slot } from './service.ts';

const endpoint = ENDPOINT.href.replace(/\/$/, '');

export function showUploadCommands({ name, type }: File): void {
  show(
    `Upload ${name} by curl`,
    uploadByCurl(endpoint, localName(name, 'file'), type || 'application/octet-stream'),
  );
}

export function showDownloadCommands({ id, filename }: Slot): void {
  show(`Download ${filename ?? id} by curl`, downloadByCurl(endpoint, id, nameToWrite(filename, id)));
}

export function watchCurlDialog(): void {
  const copy = byId('curl-copy', HTMLButtonElement);
  copy.addEventListener('click', () => {
    const text = byId('curl-text', HTMLElement);
    navigator.clipboard.writeText(text.textContent).then(
      () => (copy.textContent = 'Copied'),
      () => {
        // Not allowed here: selected, it is a key press away.
        getSelection()?.selectAllChildren(text);
        copy.textContent = 'Selected: press Ctrl+C';
      },
    );
  });
}

function show(title: string, text: string): void {
  byId('curl-title', HTMLElement).textContent = title;
  byId('curl-text', HTMLElement).textContent = text;
  byId('curl-copy', HTMLButtonElement).textContent = 'Copy';
  byId('curl-dialog', HTMLDialogElement).showModal();
}
