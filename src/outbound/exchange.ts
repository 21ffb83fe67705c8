import type { LookupFunction } from 'node:net';
import type { Got, Method, PlainResponse, Request } from 'got';
import type { AddressRule } from './address-guard.ts';
import { createGuardedAgents, type GuardedAgents } from './guarded-agent.ts';
import { systemLookup } from './name-lookup.ts';
import { isClosedByReceiver, NO_ANSWER_IN_TIME, OutboundError, toOutboundError } from './outbound-error.ts';

export interface Timeouts {
  /** For the lookup, the connection and the TLS handshake, each. */
  connectMs: number;
  /** Without a byte of progress in either direction. */
  idleMs: number;
  /** For the request, from the connection to its last byte; no limit of its own when absent. */
  sendMs?: number;
  /**
   * From the request's last byte to the last header of the answer; informational answers (1xx) do not count.
   * No limit of its own when absent.
   */
  responseMs?: number;
  /** For everything, from the lookup to the last byte read. */
  totalMs: number;
}

const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: 5_000,
  idleMs: 30_000,
  totalMs: 300_000,
};

export interface ExchangeOptions {
  method: Method;
  headers: Record<string, string>;
  /** Without it, the body is written to `stream`, for methods that have one. */
  body?: string;
  decompress: boolean;
  rule: AddressRule;
  /** True: the request may use a connection of an earlier one, and its own may be used again. */
  keepsConnections?: boolean;
  lookup?: LookupFunction | undefined;
  timeouts?: Partial<Timeouts> | undefined;
  signal?: AbortSignal | undefined;
}

/** A running request. Call `close` in the end; it cuts what is still open. */
export interface Exchange {
  /** Write the request body to it and read the answer's body from it. */
  stream: Request;
  /** Status and headers. Rejects with an OutboundError; a StaleConnectionError when another try may help. */
  answer: Promise<PlainResponse>;
  /** Converts any error of `stream` to an OutboundError. */
  toError(error: unknown): OutboundError;
  close(): void;
}

/** The receiver has closed the connection of an earlier request just when the next one was sent over it. */
class StaleConnectionError extends OutboundError {}

/**
 * Sends a request over the connection of an earlier one, if there is one; when the receiver had closed it,
 * once more over a new connection. Only for requests that may arrive twice.
 */
export async function overKeptConnection<T>(send: (keepsConnections: boolean) => Promise<T>): Promise<T> {
  try {
    return await send(true);
  } catch (error) {
    if (!(error instanceof StaleConnectionError)) throw error;
    return send(false);
  }
}

/** Stored, because a repeated import goes through the loader each time. */
let loading: Promise<Got> | undefined;

/** What every request has: an instance merges this once, not for each request. */
async function loadClient(): Promise<Got> {
  const { default: got } = await import('got');
  return got.extend({
    headers: { 'user-agent': 'batchwright' },
    followRedirect: false,
    retry: { limit: 0 },
    throwHttpErrors: false,
  });
}

/**
 * Sends one request under an address rule. It follows no redirects, repeats nothing, caches nothing, and
 * throws for no status. The HTTP client is loaded by the first request: a process that sends none saves 15
 * MB.
 */
export async function openExchange(url: URL, options: ExchangeOptions): Promise<Exchange> {
  loading ??= loadClient();
  const client = await loading;
  const { rule, lookup, keepsConnections = false, signal, method, body, decompress } = options;
  const { connectMs, idleMs, sendMs, responseMs, totalMs } = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const stream = client.stream(url, {
    method,
    headers: options.headers,
    ...(body === undefined ? {} : { body }),
    ...(signal ? { signal } : {}),
    decompress,
    agent: agentsOf(rule, lookup, keepsConnections),
    timeout: {
      lookup: connectMs,
      connect: connectMs,
      secureConnect: connectMs,
      socket: idleMs,
      ...(sendMs === undefined ? {} : { send: sendMs }),
      ...(responseMs === undefined ? {} : { response: responseMs }),
    },
  });
  const toError = (error: unknown) => toOutboundError(error, stream.writableFinished);
  const deadline = setTimeout(() => stream.destroy(new OutboundError(NO_ANSWER_IN_TIME)), totalMs);
  cutUnfinished(stream);
  let isReused = false;
  stream.once('request', (request) => {
    isReused = request.reusedSocket;
  });
  return {
    stream,
    answer: answerOf(stream, (error) => {
      const known = toError(error);
      return isReused && isClosedByReceiver(error) ? new StaleConnectionError(known.message, known) : known;
    }),
    toError,
    close() {
      clearTimeout(deadline);
      stream.destroy();
    },
  };
}

/** By the name lookup, the rule, and whether connections are kept. */
const agents = new WeakMap<LookupFunction, WeakMap<AddressRule, Map<boolean, GuardedAgents>>>();

/** One pair serves all requests under a rule. */
function agentsOf(
  rule: AddressRule,
  lookup: LookupFunction = systemLookup,
  keepsConnections: boolean,
): GuardedAgents {
  const ofLookup = agents.get(lookup) ?? new WeakMap<AddressRule, Map<boolean, GuardedAgents>>();
  agents.set(lookup, ofLookup);
  const ofRule = ofLookup.get(rule) ?? new Map<boolean, GuardedAgents>();
  ofLookup.set(rule, ofRule);
  const made = ofRule.get(keepsConnections) ?? createGuardedAgents(rule, lookup, { keepsConnections });
  ofRule.set(keepsConnections, made);
  return made;
}

function answerOf(stream: Request, toError: Exchange['toError']): Promise<PlainResponse> {
  const answer = new Promise<PlainResponse>((resolve, reject) => {
    const onClose = () => reject(new OutboundError('the request was aborted'));
    stream.once('close', onClose);
    stream.once('response', (response) => {
      stream.off('close', onClose);
      resolve(response);
    });
    stream.on('error', (error) => reject(toError(error)));
  });
  answer.catch(() => {});
  return answer;
}

/** Ends two cases that `got` leaves open: an unrequested upgrade, and a close after an early answer. */
function cutUnfinished(stream: Request): void {
  stream.once('upgrade', (_response, socket) => {
    socket.destroy();
    stream.destroy(new OutboundError('the receiver answered something that is not HTTP'));
  });
  stream.once('request', (request) => {
    request.once('close', () => {
      if (!stream.writableFinished) stream.destroy(Object.assign(new Error('closed'), { code: 'EPIPE' }));
    });
  });
}
