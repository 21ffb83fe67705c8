/** The envelopes of OS1's answers: `request` repeats what was asked. */
import type { RouteError } from 'batchwright/plugin';
import type { Request } from 'express';
import { repeatRequestId } from './authenticate.ts';

export interface RequestEcho {
  uri: string | null;
  method: string | null;
  queryString: string | null;
  /** Null when there is none, or when it is not repeated: a CSV file, a large body, the body of a wrong request. */
  body: unknown;
}

/** Of a callback, which no request asks for. */
export const NO_REQUEST: RequestEcho = { uri: null, method: null, queryString: null, body: null };

export function echoOf({ originalUrl, method }: Request, body: unknown = null): RequestEcho {
  const mark = originalUrl.indexOf('?');
  return {
    uri: mark === -1 ? originalUrl : originalUrl.slice(0, mark),
    method,
    queryString: mark === -1 ? '' : originalUrl.slice(mark + 1),
    body,
  };
}

/** A larger body is not repeated. */
const MAX_ECHO_LENGTH = 4096;

/** Keeps a JSON body while it is small. */
export class BodyEcho {
  #payload: unknown[] | null = [];
  #length = 0;

  add(element: unknown): void {
    if (!this.#payload) return;
    this.#length += JSON.stringify(element).length;
    if (this.#length > MAX_ECHO_LENGTH) this.#payload = null;
    else this.#payload.push(element);
  }

  /** @param members those of the body other than `payload` */
  body(members: Readonly<Record<string, unknown>>): object | null {
    if (!this.#payload) return null;
    const { length } = JSON.stringify(members);
    return this.#length + length > MAX_ECHO_LENGTH ? null : { payload: this.#payload, ...members };
  }
}

/** The codes are ours: OS1's documentation lists none. */
const CODES: Record<number, string> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'TOO_MANY_REQUESTS',
  501: 'NOT_CONFIGURED',
  503: 'UNAVAILABLE',
  504: 'TIMEOUT',
};

/** `{"error": {"code", "description", "additionalInfo"}, "request": {…}}` */
export function errorEnvelope(error: RouteError, request: Request): object {
  repeatRequestId(request);
  const { status, message, additionalMessages = [] } = error;
  const description =
    status === 401 ? 'X-COREOS-ACCESS must be a valid API key, and X-COREOS-TID its tenant' : message;
  const code = CODES[status] ?? (status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR');
  return { error: { code, description, additionalInfo: additionalMessages }, request: echoOf(request) };
}
