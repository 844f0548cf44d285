/**
 * sealslot for Node programs: upload by one PUT or in parts, resume, download. Depends on nothing but Node.
 * @module
 */
export {
  createClient,
  type Client,
  type ClientOptions,
  type DownloadOptions,
  type DownloadResult,
  type UploadOptions,
} from './create-client.ts';
export type { UploadMethod } from '../asks.ts';
export type { Checked } from './checked-download.ts';
export {
  ContentDiffers,
  FileChanged,
  FileUnusable,
  PartnerError,
  S3Refusal,
  ServiceProblem,
  Unreachable,
  type FieldProblem,
} from '../errors.ts';
export { safeFilename } from './filename.ts';
export type { UploadProgress } from '../meter.ts';
export type { Slot } from '../model.ts';
export type { RetryPolicy } from '../retry.ts';
export type { Uploaded } from './upload.ts';
