import type { NextFunction, Request, Response } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';

/**
 * Node would join the values of some headers and keep the first of others: neither is what the sender meant.
 */
const ONCE = new Set([
  'authorization',
  'content-encoding',
  'content-md5',
  'content-type',
  'date',
  'idempotency-key',
  'last-event-id',
  'x-api-authorization',
  'x-api-version',
]);

/** Throws `badRequest` when a header that has one value is sent twice. */
export function refuseRepeatedHeaders(request: Request, _response: Response, next: NextFunction): void {
  const { rawHeaders } = request;
  const seen = new Set<string>();
  for (let position = 0; position < rawHeaders.length; position += 2) {
    const name = nameOf(String(rawHeaders[position]).toLowerCase());
    if (name === undefined) continue;
    if (seen.has(name))
      throw new BatchwrightError('badRequest', { message: `The header ${rawHeaders[position]} came twice` });
    seen.add(name);
  }
  next();
}

/** The name that a header counts under; undefined for one that may be repeated. */
function nameOf(header: string): string | undefined {
  // The IWS scheme signs these headers by their names without dashes and underscores.
  if (header.startsWith('ivvy')) return header.replaceAll(/[-_]/g, '');
  return ONCE.has(header) ? header : undefined;
}
