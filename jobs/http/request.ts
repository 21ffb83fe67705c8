/**
 * `http.request` `{"url", "method"?, "query"?, "headers"?, "body"?, "json"?, "as"?, "expect"?, "timeoutSeconds"?,
 * "attempts"?}` → `{"status", "headers", "body"}`, with `"as": "json"` `json` in place of `body`: one request to
 * another API, whose host HTTP_ALLOW must name.
 *
 * - A status that is not in `expect` (`["2xx"]`) fails the job under that status as errorCode, with the answer
 *   in `details`. After 408, 425, 5xx and broken connections the job runs again first, up to `attempts` (6) times
 *   in all, not before the time in `Retry-After`.
 * - 429, and 503 with `Retry-After`, cost no attempt: the job runs again after that time, for up to an hour in all,
 *   and then fails with 429.
 *   So does every job that calls the same host: it sleeps, and is then called at the pace that it has taken. A host
 *   gets 10 requests at once from a worker process, unless HTTP_LIMITS says otherwise.
 * - POST and PATCH carry an `Idempotency-Key`, the same for every run of the job, unless the caller sets one:
 *   the receiver can then recognise a repeat.
 */
import { defineAction, NonRetryableError, RetryLaterError } from 'batchwright/plugin';
import type { HttpRequest } from '#schemas/http/request.ts';
import { withExactNumbers } from './lib/exact-json.ts';

const DEFAULT_ATTEMPTS = 6;
/** The schema's maximum of `attempts`. */
const MAX_ATTEMPTS = 20;
/** Requests at once in a worker process, to all hosts together. */
const MAX_REQUESTS = 250;
/** The schema's maximum of `timeoutSeconds`. */
const MAX_TIMEOUT_SECONDS = 60;

export default defineAction<HttpRequest>({
  summary: 'Send a request to another API',
  example: {
    method: 'POST',
    url: 'https://api.example.com/orders',
    json: { article: 1 },
    as: 'json',
  },
  retry: { limit: MAX_ATTEMPTS - 1, delaySeconds: 2 },
  // The request's own time limit comes first: it knows the host, and counts as one of its attempts.
  timeoutSeconds: MAX_TIMEOUT_SECONDS + 5,
  // A host that hangs has its own ten, and the others go on beside it.
  concurrency: MAX_REQUESTS,
  limits: { concurrency: { max: 10, perProcess: true, by: 'host of /url' }, adaptive: true },
  async run({ attempts = DEFAULT_ATTEMPTS, ...request }, { services, signal, idempotencyKey, attempt }) {
    try {
      const answer = await services.http({ ...request, idempotencyKey, signal });
      const { status, headers, body, json } = answer;
      if (request.as !== 'json') return { status, headers, body };
      return { status, headers, json: withExactNumbers(body, json) };
    } catch (error) {
      if (!(error instanceof RetryLaterError) || attempt < attempts) throw error;
      throw new NonRetryableError(error.message, error.options);
    }
  },
});
