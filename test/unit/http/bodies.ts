/** For the matrices: a good body of each operation that needs one. */
export const BODIES: Readonly<Record<string, unknown>> = {
  createUpload: { contentType: 'text/plain', size: 5 },
  createUploads: { uploads: [{ contentType: 'text/plain', size: 5 }] },
  requestParts: { partNumbers: [1] },
  createGrant: { count: 1 },
  takeS3Events: { Records: [] },
};
