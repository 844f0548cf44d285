/** What the service takes and answers, as the client speaks of it: names for the types that are generated from openapi/openapi.json. */
import type { components } from './api.ts';

type Schemas = components['schemas'];

/** What became of an upload. Clients ignore members they do not know. */
export type Slot = Omit<Schemas['Slot'], 'request'>;

/** One presigned call of S3. Its headers hold the customer key: never log or store it. */
export type SignedRequest = Schemas['PutRequest'] | Schemas['DownloadRequest'];

/** An upload in parts; their URLs are asked for part by part. */
export type PartsRequest = Schemas['MultipartRequest'];

/** One presigned PUT of a part. Its headers hold the customer key: never log or store it. */
export type PartRequest = Schemas['PartRequest'];

/** A part that S3 has. */
export type Part = Schemas['Part'];

/** How to send the object: whole by `PUT`, or in parts. The client asks for no forms. */
export type UploadRequest = Schemas['PutRequest'] | PartsRequest;

/** A slot as `create` and `request` answer it; without a request in a replay for a slot that is no longer `issued`. */
export type SlotWithRequest = Slot & { readonly request?: UploadRequest };

/** What one asks a slot for. */
export type UploadAsk = Omit<Schemas['CreateUpload'], 'method'> & { readonly method?: 'PUT' | 'multipart' };
