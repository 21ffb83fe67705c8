import type { Request } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';

/** The `Idempotency-Key` header. Throws `badRequest` for one that cannot be stored. */
export function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || key.length === 0 || key.length > 255)
    throw new BatchwrightError('badRequest', { message: 'Idempotency-Key must have 1 to 255 characters' });
  return key;
}
