import { NonRetryableError } from 'batchwright/plugin';
import { shown } from './item-error.ts';
import { isObject } from './properties.ts';

/** The address in `{"url"}`; undefined without a callback. Throws 400 for anything else. */
export function callbackUrlOf(callback: unknown): string | undefined {
  if (callback === undefined || callback === null) return undefined;
  if (!isObject(callback) || typeof callback.url !== 'string')
    throw badRequest('callback must be like {"url":"https://example.com/hook"}');
  const other = Object.keys(callback).find((name) => name !== 'url');
  if (other !== undefined) throw badRequest(`callback.${shown(other)} is not known`);
  return callback.url;
}

export function badRequest(message: string): NonRetryableError {
  return new NonRetryableError(message, { errorCode: 400 });
}
