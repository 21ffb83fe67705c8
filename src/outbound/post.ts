import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { type AllowList, checkUrl, publicOrNamed } from './address-guard.ts';
import { type Exchange, openExchange, type Timeouts } from './exchange.ts';
import { OutboundError, toOutboundError } from './outbound-error.ts';
import { retryAfterSeconds } from './retry-after.ts';

/** Of the answer's body, what is kept for the log, what is read at most, and how long after the rest. */
const EXCERPT_BYTES = 1024;
const MAX_ANSWER_BYTES = 64 * 1024;
const EXCERPT_MS = 5_000;

/** A receiver that takes a byte now and then must not hold a lane for hours: so much time, and so fast at least. */
const SEND_BASE_MS = 15_000;
const MIN_BYTES_PER_SECOND = 64 * 1024;

export interface PostOptions {
  url: string;
  headers: Record<string, string>;
  /** How many bytes `body` has. */
  contentLength: number;
  /** A stream where it is large, or where only its end shows that it is right. */
  body: Readable | Buffer;
  allow: AllowList;
  timeouts?: Partial<PostTimeouts> | undefined;
  signal?: AbortSignal | undefined;
  /** How host names are resolved; `systemLookup` when absent. */
  lookup?: LookupFunction | undefined;
}

export interface PostTimeouts extends Timeouts {
  /** For the answer's body once its status and the whole request are through; what is missing then is left. */
  excerptMs: number;
}

export interface PostAnswer {
  status: number;
  /** What `Retry-After` asks for, at most a day; null without one. */
  retryAfterSeconds: number | null;
  /** The first KiB of the answer, for the log. */
  body: string;
}

/**
 * POSTs a body to an address that a caller gave, in constant memory, and answers the status whatever it
 * is. Redirects are not followed. The last bytes leave only once the body has ended well and as long as
 * announced: a body that fails is cut off, and no receiver sees it whole. An answer other than 2xx counts
 * as soon as it comes; 2xx counts when the whole body was sent. Destroys a stream in every case.
 * Throws OutboundError.
 */
export async function postStream(options: PostOptions): Promise<PostAnswer> {
  try {
    return await post(options);
  } finally {
    if (options.body instanceof Readable) options.body.on('error', () => {}).destroy();
  }
}

async function post({
  url,
  headers,
  contentLength,
  body,
  allow,
  ...options
}: PostOptions): Promise<PostAnswer> {
  const exchange = await openExchange(checked(url, allow), {
    ...options,
    timeouts: { ...limitsFor(contentLength), ...options.timeouts },
    method: 'POST',
    headers: { ...headers, 'content-length': String(contentLength) },
    decompress: false,
    rule: publicOrNamed(allow),
  });
  try {
    const sent = send(body, contentLength, exchange);
    const { statusCode, headers: answered } = await exchange.answer;
    const excerpt = new Excerpt(exchange);
    if (statusCode >= 200 && statusCode < 300) await sent;
    await excerpt.complete(options.timeouts?.excerptMs ?? EXCERPT_MS);
    return {
      status: statusCode,
      retryAfterSeconds: retryAfterSeconds(answered),
      body: excerpt.text(),
    };
  } finally {
    exchange.close();
  }
}

/** No part of a request takes longer, however many bytes trickle meanwhile. */
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

/** The body's chunks, each one only when the next has come, and the last one only after a good end. */
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
    throw new OutboundError('the body could not be read', { cause });
  }
  if (length !== contentLength) throw new OutboundError('the body does not have the length announced');
  if (held) yield held;
}

/** Reads an answer's body as it comes, keeps its beginning and lets the rest go by. */
class Excerpt {
  readonly #enough: Promise<void>;
  #kept = Buffer.alloc(0);
  #read = 0;

  constructor({ stream }: Exchange) {
    this.#enough = new Promise((resolve) => {
      for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve());
      stream.on('data', (chunk: Buffer) => {
        this.#read += chunk.length;
        if (this.#kept.length < EXCERPT_BYTES) this.#kept = Buffer.concat([this.#kept, chunk]);
        if (this.#read >= MAX_ANSWER_BYTES) resolve();
      });
    });
  }

  /** Waits for the end, but no longer than this, and for no more than MAX_ANSWER_BYTES. */
  async complete(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    await Promise.race([this.#enough, promise]);
    clearTimeout(timer);
  }

  /** Without a half character at its end, and without NUL, which Postgres takes in no text. */
  text(): string {
    const start = this.#kept.subarray(0, EXCERPT_BYTES);
    return new TextDecoder().decode(start, { stream: true }).replaceAll('\0', '\uFFFD');
  }
}
