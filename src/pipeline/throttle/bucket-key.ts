/** The bucket of a job. */
import { createHash } from 'node:crypto';
import { bucketKeyOf } from '../../domain/bucket-key.ts';
import { isHostOf, pointerOf } from '../../registry/limits.ts';

/** A longer value is named by its digest: keys are in indexes. */
const MAX_VALUE_LENGTH = 200;
/** Text that Postgres does not store, or not unchanged. */
const UNSTORABLE = /\0|\p{Surrogate}/u;

/** @param by undefined for all jobs of the action */
export function bucketKey(action: string, by: string | undefined, params: unknown, tenant: string): string {
  const value = by === undefined ? '' : bucketValue(by, params, tenant);
  return bucketKeyOf({ action, by: by ?? '', value });
}

function bucketValue(by: string, params: unknown, tenant: string): string {
  const text = by === 'tenant' ? tenant : textAt(by, params);
  return text.length <= MAX_VALUE_LENGTH && !UNSTORABLE.test(text) ? text : digestOf(text);
}

function textAt(by: string, params: unknown): string {
  const value = valueAt(params, pointerOf(by));
  if (isHostOf(by)) return typeof value === 'string' ? (URL.parse(value)?.host ?? '') : '';
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function valueAt(params: unknown, pointer: string): unknown {
  let value = params;
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
