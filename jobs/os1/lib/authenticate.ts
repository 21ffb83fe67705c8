/** OS1's headers: who calls, for which tenant, under which id of the request. */
import type { AuthenticationTools, RouteCaller } from 'batchwright/plugin';
import type { Request } from 'express';

const REQUEST_ID = 'X-COREOS-REQUEST-ID';
const CALLBACK_SECRET = 'X-COREOS-CALLBACK-SECRET';
const BEARER = /^Bearer +/i;

/** The caller of the API key in X-COREOS-ACCESS; null unless X-COREOS-TID is the key's tenant. */
export async function authenticate(
  request: Request,
  { findKey }: AuthenticationTools,
): Promise<RouteCaller | null> {
  repeatRequestId(request);
  const key = request.get('X-COREOS-ACCESS')?.replace(BEARER, '').trim();
  const tenant = request.get('X-COREOS-TID')?.trim();
  if (!key || !tenant) return null;
  const caller = await findKey(key);
  return caller?.tenant === tenant ? caller : null;
}

/** The answer has the X-COREOS-REQUEST-ID of the request. */
export function repeatRequestId(request: Request): void {
  const id = request.get(REQUEST_ID);
  if (id && !request.res?.headersSent) request.res?.set(REQUEST_ID, id);
}

/** The headers that the batch's callback has in addition: the caller's secret under its own name. */
export function callbackHeadersOf(request: Request): Record<string, string> | undefined {
  const secret = request.get(CALLBACK_SECRET);
  return secret ? { [CALLBACK_SECRET]: secret } : undefined;
}
