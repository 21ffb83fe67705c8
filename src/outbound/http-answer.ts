/** What the answer of another API means for the job that asked. */
import type { PlainResponse } from 'got';
import type { OutboundRequest, OutboundResponse } from '../plugin/context.ts';
import { NonRetryableError, RetryLaterError, ThrottledError } from '../plugin/errors.ts';
import { Excerpt } from './excerpt.ts';
import type { Exchange } from './exchange.ts';
import { retryAfterSeconds } from './retry-after.ts';

/** A response of a job is JSON of 1 MiB at most. */
const MAX_ANSWER_BYTES = 900 * 1024;
/** How much of the body of an answer that is not expected becomes part of the job's error. */
const MAX_DETAILS_BYTES = 4 * 1024;
/** How long to wait for that part: the status is known, and counts without it. */
const DETAILS_MS = 5_000;

/** Statuses after which the same request may succeed later: too slow, too early. */
const TRANSIENT_4XX = new Set([408, 425]);
/** The pause after a 429 that names none. */
const REFUSED_SECONDS = 5;

/** Throws what `Services.http` throws for a status that is not expected, OutboundError for a broken body. */
export async function readAnswer(
  exchange: Exchange,
  host: string,
  { as = 'text', expect = ['2xx'] }: Pick<OutboundRequest, 'as' | 'expect'>,
): Promise<OutboundResponse> {
  const answer = await exchange.answer;
  const { statusCode: status } = answer;
  if (!isExpected(status, expect)) throw await failure(exchange, host, answer);
  const headers = headersOf(answer);
  const body = await readText(exchange, host, answer);
  if (as === 'text') return { status, headers, body };
  return { status, headers, body, json: parse(body, host, { status, headers }) };
}

function isExpected(status: number, expect: readonly (string | number)[]): boolean {
  return expect.some((one) => String(one) === String(status) || one === `${Math.floor(status / 100)}xx`);
}

async function failure(exchange: Exchange, host: string, answer: PlainResponse): Promise<Error> {
  const { statusCode: status, headers } = answer;
  const excerpt = new Excerpt(exchange.stream, MAX_DETAILS_BYTES);
  await excerpt.complete(DETAILS_MS);
  const message = `${host} answered ${status}${status < 400 ? ', which is not expected' : ''}`;
  const details = { status, headers: headersOf(answer), body: excerpt.text() };
  const retryAfter = retryAfterSeconds(headers);
  if (status === 429 || (status === 503 && retryAfter !== null))
    return new ThrottledError(retryAfter ?? REFUSED_SECONDS, message, { details });
  // A code that is not an error's becomes 461.
  const options = { errorCode: status, details };
  const isTransient = TRANSIENT_4XX.has(status) || (status >= 500 && status <= 599);
  if (!isTransient) return new NonRetryableError(message, options);
  return new RetryLaterError(message, retryAfter ?? 0, options);
}

/** Node joins a header that came several times, or keeps the first; here it is an array. */
function headersOf({ headers, rawHeaders }: PlainResponse): Record<string, string | string[]> {
  const values = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = String(rawHeaders[at]).toLowerCase();
    // The headers of a compression have gone with it.
    if (!Object.hasOwn(headers, name)) continue;
    const known = values.get(name);
    const value = String(rawHeaders[at + 1]);
    if (known) known.push(value);
    else values.set(name, [value]);
  }
  return Object.fromEntries([...values].map(([name, all]) => [name, all.length > 1 ? all : String(all[0])]));
}

async function readText(exchange: Exchange, host: string, { headers }: PlainResponse): Promise<string> {
  const body = await readBytes(exchange);
  if (!body) throw new NonRetryableError(`the answer of ${host} is larger than 900 KiB`);
  return decoderFor(headers['content-type']).decode(body);
}

/** Null for a body that is too large. By events, because an iterator costs 15 µs more. */
function readBytes({ stream, toError }: Exchange): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    // The head may come together with a broken body: then its events are over.
    if (stream.destroyed) return reject(toError(stream.errored ?? new Error('closed')));
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) resolve(null);
      else chunks.push(chunk);
    });
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('error', (error) => reject(toError(error)));
    stream.once('close', () => reject(toError(new Error('closed'))));
  });
}

const UTF_8 = new TextDecoder();

/** The decoder of the charset in a Content-Type; UTF-8 when there is none, or an unknown one. */
function decoderFor(contentType = ''): typeof UTF_8 {
  const [, charset] = /;\s*charset\s*=\s*"?([\w:.-]+)/i.exec(contentType) ?? [];
  if (charset === undefined || /^utf-?8$/i.test(charset)) return UTF_8;
  try {
    return new TextDecoder(charset);
  } catch {
    return UTF_8;
  }
}

function parse(body: string, host: string, answer: Pick<OutboundResponse, 'status' | 'headers'>): unknown {
  if (body === '') return null;
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new NonRetryableError(`${host} answered ${answer.status}, but its body is not JSON`, {
      details: { ...answer, body: body.slice(0, MAX_DETAILS_BYTES) },
      cause,
    });
  }
}
