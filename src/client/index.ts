/** `batchwright/client`: a typed client of the API without dependencies. */

export type { Actions } from './actions.ts';
export type { Batches, CreateOptions, ListOptions, OpenJobOptions } from './batches.ts';
export { type CallbackHeaders, type UnwrapOptions, unwrapCallback } from './callback.ts';
export { type AuditOptions, Batchwright } from './client.ts';
export {
  ApiError,
  AuthenticationError,
  BadRequestError,
  BatchwrightError,
  CallbackError,
  ConflictError,
  ConnectionError,
  IdempotencyError,
  NotFoundError,
  PermissionError,
  RateLimitError,
  ServerError,
  TimeoutError,
  TooLargeError,
} from './errors.ts';
export type { FollowedBatch, FollowOptions } from './follow.ts';
export type { Keys } from './keys.ts';
export type { Page, Pages } from './pages.ts';
export type * from './resources/action.ts';
export type * from './resources/batch.ts';
export type * from './resources/callback.ts';
export type * from './resources/job.ts';
export type * from './resources/key.ts';
export type * from './resources/result.ts';
export type * from './resources/system.ts';
export type { ResultOptions } from './results.ts';
export type { CallOptions, ClientOptions } from './transport.ts';
export type { CsvSettings, CsvSource, JobSource, UploadOptions } from './upload.ts';
export type { WaitOptions } from './wait.ts';
