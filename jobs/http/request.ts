/**
 * `http.request` `{"method", "url", "headers"?, "body"?}` → `{"status", "headers", "body"}`: one request to
 * another API, whose host HTTP_ALLOW must name.
 *
 * - An answer of any status except 429 and 5xx is the job's response. After those two the job runs again, not
 *   before the time in `Retry-After`. A host that is not allowed fails the job at once.
 * - POST and PATCH carry an `Idempotency-Key`, the same for every run of the job, unless the caller sets one:
 *   the receiver can then recognise a repeat.
 */
import { defineAction } from 'batchwright/plugin';
import type { HttpRequest } from '#schemas/http/request.ts';

const NOT_IDEMPOTENT = new Set(['POST', 'PATCH']);

export default defineAction<HttpRequest>({
  summary: 'Send a request to another API',
  example: {
    method: 'POST',
    url: 'https://api.example.com/orders',
    headers: { 'content-type': 'application/json' },
    body: '{"article":1}',
  },
  retry: { limit: 5, delaySeconds: 2 },
  timeoutSeconds: 60,
  async run({ method, url, headers = {}, body }, { services, signal, idempotencyKey }) {
    const named = Object.keys(headers).some((name) => name.toLowerCase() === 'idempotency-key');
    const key = NOT_IDEMPOTENT.has(method) && !named ? { 'Idempotency-Key': idempotencyKey } : {};
    const answer = await services.http({
      method,
      url,
      headers: { ...headers, ...key },
      signal,
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.status, headers: answer.headers, body: answer.body };
  },
});
