/** What each error means and what to do about it: the pages below `/docs/errors`. */
import { catalogue, type ErrorName } from './errors.ts';

interface ErrorPage {
  means: string;
  remedy: string;
}

export const errorPages: Record<ErrorName, ErrorPage> = {
  invalidRequest: {
    means:
      'The body is not one JSON object of the documented form: a member or option is not known, a job is not an object, names no action that exists or breaks the schema of its action, an id is used twice, or the callbackUrl is not allowed.',
    remedy:
      'Read the errors: each names its place, such as jobs[7].params.event. Correct the request; nothing of it was stored. GET /v1/actions lists the actions with their schemas.',
  },
  emptyJobs: {
    means:
      'The request has no jobs, a job has no namespace, action or params, or a call of a single action has no ?action=.',
    remedy:
      'Send at least one job, each with a namespace, an action and params ({} where the schema allows it). A single action is called by POST /api/1.0/{namespace}?action={action}.',
  },
  tooManyJobs: {
    means: 'The request has more jobs than one batch may have.',
    remedy:
      'Divide the jobs into several batches, or send one job a line as application/x-ndjson, which may have more. Operators set MAX_JOBS_PER_BATCH and MAX_NDJSON_JOBS.',
  },
  notSaved: {
    means: 'The database did not take the batch. Nothing of it was stored.',
    remedy: 'Send the request again after the seconds of Retry-After, with an Idempotency-Key.',
  },
  batchNotFound: {
    means: 'There is no such batch: the id is wrong, it belongs to another tenant, or the batch has expired.',
    remedy: 'Use the asyncId that the request for the batch returned, and a key of the same tenant.',
  },
  resultsNotFound: {
    means: 'There is no such batch: the id is wrong, it belongs to another tenant, or the batch has expired.',
    remedy: 'Use the asyncId that the request for the batch returned, and a key of the same tenant.',
  },
  notCompleted: {
    means: 'The batch has not ended, so its results are not complete.',
    remedy:
      'Wait for the callback, for the event finished, or until progress is 100. GET /v1/batches/{asyncId}/results returns the results so far.',
  },
  invalidParams: {
    means: 'The params of the action break its schema.',
    remedy: 'Read the messages: each names a parameter. GET /v1/actions/{name} shows the schema.',
  },
  missingParams: {
    means: 'A required parameter of the action is missing.',
    remedy: 'Add the parameter that the message names. GET /v1/actions/{name} shows the schema.',
  },
  badRequest: {
    means: 'A part of the request is wrong: the query, a header, or a member of the body.',
    remedy: 'Read the message: it names the part and what is allowed there.',
  },
  unauthorized: {
    means: 'The API key is missing, unknown, revoked or expired, or a signature is wrong.',
    remedy:
      'Send Authorization: Bearer and the key. For a signed request, compare the string to sign in the messages with yours.',
  },
  staleRequest: {
    means: 'The signed request has no date, or one that is more than 5 minutes off.',
    remedy: 'Set the clock of the client, and send IVVY-Date in UTC.',
  },
  forbidden: {
    means: 'The key is valid, and lacks a permission.',
    remedy: 'Ask for a key with the permissions that the messages name.',
  },
  notFound: {
    means: 'There is nothing at this address, or no thing with this name.',
    remedy: 'Compare the path with the API: /openapi.json has every route.',
  },
  methodNotAllowed: {
    means: 'The address exists, and takes other methods.',
    remedy: 'Use a method that the Allow header names.',
  },
  requestTimeout: {
    means: 'The body arrived too slowly: with less than 500 bytes a second, for 30 s in all.',
    remedy: 'Send the request again over a better connection, with an Idempotency-Key.',
  },
  idempotencyBusy: {
    means: 'The first request with this Idempotency-Key is still being stored.',
    remedy: 'Send the same request again after the seconds of Retry-After: it returns the same batch.',
  },
  bodyTooLarge: {
    means: 'The body, or one job of it, is larger than allowed.',
    remedy:
      'Divide the batch, or send one job a line as application/x-ndjson. Operators set MAX_BODY_BYTES and MAX_JOB_BYTES.',
  },
  expectationFailed: {
    means: 'The Expect header asks for something other than 100-continue.',
    remedy: 'Leave the header out.',
  },
  unsupportedEncoding: {
    means: 'The Content-Encoding is not supported.',
    remedy: 'Send the body as gzip, deflate or br, or uncompressed.',
  },
  skipped: {
    means: 'A job that this one depends on did not end as needed, so this one was not run.',
    remedy: 'See the job that `causedBy` names. A restart runs both again.',
  },
  idempotencyMismatch: {
    means: 'The Idempotency-Key was used before, with another body.',
    remedy: 'Use a new key for a new request, and the same body to repeat one.',
  },
  tooManyRequests: {
    means: 'The key, or the address, has sent more requests in a minute than allowed.',
    remedy: 'Wait for the seconds of Retry-After. Put more jobs into one batch.',
  },
  headersTooLarge: {
    means: 'The request line and the headers have more than 16 KiB.',
    remedy: 'Send parameters in the body, and fewer cookies.',
  },
  jobFailed: {
    means:
      'An action has failed its job, or a route of a plugin has refused the request. The status and the message are its own.',
    remedy:
      'Read the message, and correct what it names. With a Retry-After, send the request again after so many seconds.',
  },
  internal: {
    means: 'Something is wrong in Batchwright, or in an action.',
    remedy: 'The log of the server has the error. Send the request again later.',
  },
  notConfigured: {
    means: 'The server lacks a setting that this needs.',
    remedy: 'Ask the operator: the message names the variable.',
  },
  unavailable: {
    means: 'The database cannot be reached, or the server receives too much at the moment.',
    remedy: 'Send the request again after the seconds of Retry-After.',
  },
  stillRunning: {
    means: 'The job takes longer than the 30 s for which a call waits. It goes on.',
    remedy: 'Ask for the result of the batch whose asyncId is in the answer.',
  },
  versionNotSupported: {
    means: 'The request is not HTTP/1.0 or HTTP/1.1.',
    remedy: 'Use one of them, or a proxy that translates.',
  },
};

/** `batchNotFound` → `batch-not-found` */
export function slugOf(name: ErrorName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Undefined for an unknown slug. */
export function errorOfSlug(slug: string): ErrorName | undefined {
  return (Object.keys(catalogue) as ErrorName[]).find((name) => slugOf(name) === slug);
}

/** The path of the page; also the `type` of the problem. */
export function errorPagePath(name: ErrorName): string {
  return `/docs/errors/${slugOf(name)}`;
}
