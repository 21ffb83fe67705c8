/** The `http` service of actions, and requests to servers on loopback, for its tests. */
import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import type { TestContext } from 'node:test';
import { parseAllowList } from '../../src/outbound/address-guard.ts';
import { createHttpService } from '../../src/outbound/http-service.ts';
import type { OutboundRequest, OutboundResponse } from '../../src/plugin/context.ts';
import type { ActionError } from '../../src/plugin/errors.ts';
import { startHttpServer } from './loopback.ts';

export function service(allow: string, lookup?: LookupFunction) {
  return createHttpService({ allow: parseAllowList(allow), ...(lookup ? { lookup } : {}) });
}

/** Connections are kept by it from one request of a test to the next. */
const toLoopback = service('127.0.0.1');

/** A request, by default GET, to a loopback server that the list names. */
export function send(request: OutboundRequest) {
  return toLoopback({ timeoutSeconds: 10, ...request });
}

export function forGood(message: string | RegExp) {
  return { name: 'NonRetryableError', message };
}

/** The error of a request that fails, with the answer in its details. */
export async function failureOf(request: OutboundRequest) {
  const error = await send(request).then(
    () => assert.fail('the request succeeded'),
    (thrown: ActionError) => thrown,
  );
  const details = error.options.details as OutboundResponse;
  return Object.assign(error, { details, delaySeconds: 'delaySeconds' in error ? error.delaySeconds : null });
}

export interface Echo {
  method: string;
  headers: Record<string, string>;
  body: string;
}

/** A server that answers with the request. */
export function startEcho(t: TestContext) {
  return startHttpServer(t, async (request, response) => {
    const body = (await request.setEncoding('utf8').toArray()).join('');
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ method: request.method, headers: request.headers, body }));
  });
}
