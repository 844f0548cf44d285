import { byId } from './dom.ts';

/** A file, and how to call it: with its folders, when it came with them. */
export interface Picked {
  readonly file: File;
  readonly path: string;
}

/** Files by a button, by a folder, by dropping either anywhere on the page while it may be. */
export function watchPicking(mayPick: () => boolean, pick: (picked: readonly Picked[]) => void): void {
  for (const [buttonId, inputId] of [
    ['choose', 'files'],
    ['choose-folder', 'folder'],
  ] as const) {
    const input = byId(inputId, HTMLInputElement);
    byId(buttonId, HTMLButtonElement).addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      const files = [...(input.files ?? [])];
      // So that the same file can be chosen again.
      input.value = '';
      pick(files.map((file) => ({ file, path: file.webkitRelativePath || file.name })));
    });
  }

  const zone = byId('drop', HTMLElement);
  const over = (event: DragEvent): void => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    zone.classList.toggle('over', mayPick());
  };
  document.addEventListener('dragenter', over);
  document.addEventListener('dragover', over);
  document.addEventListener('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) zone.classList.remove('over');
  });
  document.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    // Else the browser would leave the page for the file.
    event.preventDefault();
    zone.classList.remove('over');
    if (mayPick() && event.dataTransfer !== null) void dropped(event.dataTransfer).then(pick);
  });
}

function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes('Files') === true;
}

/** Entries must be taken before the event ends; what they hold can be read later. */
async function dropped({ items }: DataTransfer): Promise<Picked[]> {
  const found = [...items].filter(({ kind }) => kind === 'file');
  const all = found.map((item) => {
    const entry = item.webkitGetAsEntry();
    const file = item.getAsFile();
    if (entry !== null) return below(entry, '');
    return Promise.resolve(file === null ? [] : [{ file, path: file.name }]);
  });
  return (await Promise.all(all)).flat();
}

async function below(entry: FileSystemEntry, folder: string): Promise<Picked[]> {
  const path = `${folder}${entry.name}`;
  if (isFile(entry)) return [{ file: await new Promise<File>((done, fail) => entry.file(done, fail)), path }];
  if (!isFolder(entry)) return [];
  const reader = entry.createReader();
  const found: Picked[] = [];
  // It hands out some at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return found;
    for (const each of some) found.push(...(await below(each, `${path}/`)));
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
