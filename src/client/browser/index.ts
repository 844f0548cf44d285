/**
 * sealslot for browsers: uploads files straight to S3, whole or in parts, with progress, pause and resumption. Depends on nothing.
 * @module
 */
export { createUploader } from './create-uploader.ts';
export type { Upload, Uploader, UploaderOptions, UploadOptions, UploadState } from './options.ts';
export type { UploadMethod } from '../asks.ts';
export {
  FileChanged,
  PartnerError,
  S3Refusal,
  ServiceProblem,
  Unreachable,
  type FieldProblem,
  type LikelyCause,
} from '../errors.ts';
export type { UploadProgress } from '../meter.ts';
export type { Slot } from '../model.ts';
export type { RetryPolicy } from '../retry.ts';
