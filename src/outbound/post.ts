import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { type AllowList, checkUrl, publicOrNamed } from './address-guard.ts';
import { Excerpt } from './excerpt.ts';
import { type Exchange, openExchange, overKeptConnection, type Timeouts } from './exchange.ts';
import { OutboundError, toOutboundError } from './outbound-error.ts';
import { retryAfterSeconds } from './retry-after.ts';

/** The answer's body is read for this time after the whole request was sent. */
const ANSWER_BODY_MS = 5_000;

/**
 * A receiver that reads very slowly must not hold a lane for hours: this base time, and this minimum speed.
 */
const SEND_BASE_MS = 15_000;
const MIN_BYTES_PER_SECOND = 64 * 1024;

export interface PostOptions {
  url: string;
  headers: Record<string, string>;
  /** The length of `body` in bytes. */
  contentLength: number;
  /** A stream when it is large, or when only its end shows whether it is valid. */
  body: Readable | Buffer;
  allow: AllowList;
  timeouts?: Partial<PostTimeouts> | undefined;
  signal?: AbortSignal | undefined;
  /** Bytes of the answer's body that are returned; none when absent. */
  excerptBytes?: number | undefined;
  /** How host names are resolved; `systemLookup` when absent. */
  lookup?: LookupFunction | undefined;
}

export interface PostTimeouts extends Timeouts {
  /** Time for the answer's body after the status and the whole request; the rest is ignored. */
  answerBodyMs: number;
}

export interface PostAnswer {
  status: number;
  /** The delay in `Retry-After`, at most a day; null without one. */
  retryAfterSeconds: number | null;
  /** The beginning of the answer's body. */
  excerpt: string;
}

/**
 * POSTs a body to an address given by a caller, in constant memory, and returns any status. Redirects are not
 * followed. The last bytes are sent only when the body has ended without an error and with the announced
 * length: a body that fails is cut off, so that no receiver gets all of it. An answer other than 2xx counts
 * as soon as it arrives; 2xx counts when the whole body was sent. Always destroys a stream. Throws
 * OutboundError, an UnreadableBodyError when the stream failed.
 */
export async function postStream(options: PostOptions): Promise<PostAnswer> {
  try {
    return await post(options);
  } finally {
    if (options.body instanceof Readable) options.body.on('error', () => {}).destroy();
  }
}

/** The body that was to be sent could not be read; `cause` is the error of its stream. */
export class UnreadableBodyError extends OutboundError {
  constructor(cause: unknown) {
    super('the body could not be read', { cause });
  }
}

/** A whole body can be sent again, so it may use a connection of an earlier post. */
function post(options: PostOptions): Promise<PostAnswer> {
  if (!Buffer.isBuffer(options.body)) return postOnce(options, false);
  return overKeptConnection((keepsConnections) => postOnce(options, keepsConnections));
}

async function postOnce(
  { url, headers, contentLength, body, allow, excerptBytes = 0, ...options }: PostOptions,
  keepsConnections: boolean,
): Promise<PostAnswer> {
  const exchange = await openExchange(checked(url, allow), {
    ...options,
    timeouts: { ...limitsFor(contentLength), ...options.timeouts },
    method: 'POST',
    headers: { ...headers, 'content-length': String(contentLength) },
    decompress: false,
    rule: publicOrNamed(allow),
    keepsConnections,
  });
  try {
    const sent = send(body, contentLength, exchange);
    const { statusCode, headers: answered } = await exchange.answer;
    // A receiver must be able to send a short answer, and a connection is kept only when its answer was read.
    const answerBody = new Excerpt(exchange.stream, excerptBytes);
    if (statusCode >= 200 && statusCode < 300) await sent;
    await answerBody.complete(options.timeouts?.answerBodyMs ?? ANSWER_BODY_MS);
    return {
      status: statusCode,
      retryAfterSeconds: retryAfterSeconds(answered),
      excerpt: answerBody.text(),
    };
  } finally {
    exchange.close();
  }
}

/** Limits each part of a request, even if a few bytes arrive all the time. */
function limitsFor(contentLength: number): Partial<Timeouts> {
  const sendMs = SEND_BASE_MS + (1000 * contentLength) / MIN_BYTES_PER_SECOND;
  return { idleMs: 15_000, sendMs, responseMs: 15_000, totalMs: sendMs + 60_000 };
}

function checked(url: string, allow: AllowList): URL {
  try {
    return checkUrl(url, allow);
  } catch (error) {
    throw toOutboundError(error, false);
  }
}

function send(
  body: PostOptions['body'],
  contentLength: number,
  { stream, toError }: Exchange,
): Promise<void> {
  const written =
    body instanceof Readable
      ? pipeline(heldBack(body, contentLength), stream)
      : finished(stream.end(body), { readable: false });
  const sent = written.catch((error) => {
    throw toError(error);
  });
  sent.catch(() => {});
  return sent;
}

/**
 * The body's chunks. Each is passed on only when the next has arrived, and the last one only after a valid
 * end.
 */
async function* heldBack(body: Readable, contentLength: number): AsyncGenerator<Buffer> {
  let held: Buffer | undefined;
  let length = 0;
  try {
    for await (const chunk of body) {
      const next = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
      length += next.length;
      if (length > contentLength) break;
      if (held) yield held;
      held = next;
    }
  } catch (cause) {
    throw new UnreadableBodyError(cause);
  }
  if (length !== contentLength) throw new OutboundError('the body does not have the length announced');
  if (held) yield held;
}
