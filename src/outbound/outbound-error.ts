import { ForbiddenAddressError } from './address-guard.ts';

/**
 * Why a request failed, in a few words that callers may see, without stack or address. The cause is for the
 * log; it is a ForbiddenAddressError when the address was refused.
 */
export class OutboundError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'OutboundError';
  }
}

export const NO_ANSWER_IN_TIME = 'the receiver did not answer in time';

const MESSAGES: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'the host name cannot be resolved',
  EAI_AGAIN: 'the host name cannot be resolved',
  EAI_FAIL: 'the host name cannot be resolved',
  EAI_NODATA: 'the host name cannot be resolved',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the host cannot be reached',
  EADDRNOTAVAIL: 'the host cannot be reached',
  ETIMEDOUT: NO_ANSWER_IN_TIME,
  HPE_HEADER_OVERFLOW: 'the headers of the answer are too large',
  ERR_ABORTED: 'the request was aborted',
};

const CLOSED = new Set([
  'ECONNRESET',
  'ECANCELED',
  'EPIPE',
  'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
]);
const TLS = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO|HOSTNAME_MISMATCH)/;
const BAD_ANSWER = /^HPE_/;
const BAD_ENCODING = /^(Z_|ERR__ERROR_|ERR_BROTLI|ZSTD_)/;

const NOT_TAKEN_IN_TIME = 'the receiver did not take the request in time';

/** The step that timed out, if it is known: `event` of got's TimeoutError. */
const TIMEOUTS: Record<string, string> = {
  lookup: 'the host name cannot be resolved',
  send: NOT_TAKEN_IN_TIME,
};

/** True when the receiver was too slow. */
export function isOutOfTime({ message }: OutboundError): boolean {
  return message === NO_ANSWER_IN_TIME || message === NOT_TAKEN_IN_TIME;
}

/** Converts any failure of a request to an OutboundError; `sent` says whether the whole body was sent. */
export function toOutboundError(error: unknown, sent: boolean): OutboundError {
  const causes = [...causeChain(error)];
  // The client's own wrapper contains the request's headers, with the signature: it must stay out of the log.
  const cause = causes.at(-1);
  for (const known of causes) {
    if (known instanceof OutboundError) return known;
    if (known instanceof ForbiddenAddressError) {
      return new OutboundError(`address not allowed: ${known.message}`, { cause: known });
    }
  }
  for (const { event } of causes) {
    const message = typeof event === 'string' && TIMEOUTS[event];
    if (message) return new OutboundError(message, { cause });
  }
  const codes = causes.map(({ code }) => code).filter((code) => typeof code === 'string');
  return new OutboundError(describe(codes, sent), { cause });
}

/** True when the receiver closed the connection. */
export function isClosedByReceiver(error: unknown): boolean {
  return [...causeChain(error)].some(({ code }) => typeof code === 'string' && CLOSED.has(code));
}

function describe(codes: string[], sent: boolean): string {
  for (const code of codes) {
    const message = MESSAGES[code];
    if (message) return message;
    if (CLOSED.has(code)) {
      return `the receiver closed the connection ${sent ? 'without a whole answer' : 'before all of the body was sent'}`;
    }
    if (TLS.test(code)) return `the TLS connection failed: ${code}`;
    if (BAD_ANSWER.test(code)) return 'the receiver answered something that is not HTTP';
    if (BAD_ENCODING.test(code)) return 'the answer cannot be decompressed';
  }
  return 'the request failed';
}

interface Link {
  cause?: unknown;
  code?: unknown;
  event?: unknown;
}

function* causeChain(error: unknown): Generator<Link> {
  for (let current = error; typeof current === 'object' && current !== null; ) {
    const link: Link = current;
    yield link;
    current = link.cause;
  }
}
