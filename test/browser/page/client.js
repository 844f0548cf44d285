// A page that uploads with the client, and writes down all that it is told.
import * as client from 'sealslot/client';

const run = { events: [], outcome: undefined, upload: undefined };

function begin({ endpoint, token, uploader, file, size, options }) {
  const { events } = run;
  run.outcome = undefined;
  const blob = file ?? made(size);
  run.upload = client.createUploader({ endpoint, getToken: () => token, ...uploader }).upload(blob, {
    ...options,
    onProgress: (progress) => events.push({ ...progress }),
    onState: (state) => events.push(state),
  });
  run.upload.done.then(
    (slot) => (run.outcome = { slot }),
    (error) => (run.outcome = { error: told(error) }),
  );
}

/** Of one chunk that is repeated: quickly made. */
function made(size) {
  const chunk = crypto.getRandomValues(new Uint8Array(65_536));
  const blob = new Blob(Array.from({ length: Math.ceil(size / chunk.length) }, () => chunk));
  return new File([blob.slice(0, size)], 'made.bin', { type: 'application/x-made' });
}

function told(error) {
  const { name, code, status, s3Code, peer, likely, message, detail } = error;
  // They are all of this one.
  const { PartnerError: _, ...classes } = client;
  const own = Object.keys(classes).find((each) => error instanceof classes[each]);
  return { class: own, name, code, status, s3Code, peer, likely, message, detail };
}

globalThis.page = {
  run,
  begin,
  /** Of the file that was chosen by hand. */
  beginChosen: (ask) => begin({ ...ask, file: document.querySelector('#file').files[0] }),
};
