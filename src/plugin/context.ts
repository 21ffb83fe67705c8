/** The part of a pino logger that plugins use; lines carry the asyncId and the job's index. */
export interface Log {
  debug(fields: object, message: string): void;
  debug(message: string): void;
  info(fields: object, message: string): void;
  info(message: string): void;
  warn(fields: object, message: string): void;
  warn(message: string): void;
  error(fields: object, message: string): void;
  error(message: string): void;
}

/**
 * The database, with the interface of `pg` clients. In a transactional action every statement runs in the
 * transaction that also records the results; otherwise each statement commits by itself.
 */
export interface Sql {
  // biome-ignore lint/suspicious/noExplicitAny: a row's shape depends on the statement, as in pg
  query<Row extends object = any>(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Row[]; rowCount: number }>;
}

type QueryValue = string | number | boolean;

/** A request that an action sends to another API; hosts are limited by HTTP_ALLOW. */
export interface OutboundRequest {
  /** In any case; GET when absent, POST with a body. */
  method?: string;
  url: string;
  /** Added to the query of the URL; an array repeats its name. */
  query?: Record<string, QueryValue | readonly QueryValue[]>;
  headers?: Record<string, string>;
  body?: string;
  /** Any JSON, in place of `body`; it sets Content-Type. */
  json?: unknown;
  /** `json` asks for JSON and parses it; `text` when absent. */
  as?: 'text' | 'json';
  /** Statuses (`404`) and classes of statuses (`2xx`) that are a success; `['2xx']` when absent. */
  expect?: readonly (string | number)[];
  /** From the look-up of the host to the last byte of the answer; 60 when absent. */
  timeoutSeconds?: number;
  /** Sent as `Idempotency-Key` with POST and PATCH, unless `headers` has one. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

export interface OutboundResponse {
  status: number;
  /** Names in lower case; an array for a header that came several times. */
  headers: Record<string, string | string[]>;
  body: string;
  /** The parsed body, null for an empty one; only with `as: 'json'`. */
  json?: unknown;
}

export interface Mail {
  to: string;
  subject: string;
  text: string;
  /** RFC 5322 Message-ID without the angle brackets; a repeat carries the same one. */
  messageId: string;
}

/** Services of the process for actions, made once from the configuration. */
export interface Services {
  /**
   * Sends a request to a host that HTTP_ALLOW names. Any status that is not expected is an error, whose
   * `details` are the answer: ThrottledError for 429 and for 503 with `Retry-After`, RetryLaterError for 408,
   * 425 and other 5xx, otherwise NonRetryableError. The errorCode is the status. A broken connection is a RetryLaterError (502; 504 when the time is over), a
   * request that must not or cannot be sent a NonRetryableError.
   */
  http(request: OutboundRequest): Promise<OutboundResponse>;
  /** Sends a mail through the SMTP server of SMTP_URL; undefined when none is configured. */
  mail?: ((mail: Mail) => Promise<void>) | undefined;
  /** The API's public address, without a trailing slash; for links in responses and mails. */
  publicUrl: string;
}

/** The second argument of `run`. */
export interface JobContext {
  asyncId: string;
  /** Position of the job in the request, from 0. */
  index: number;
  /** 1 for the first run. */
  attempt: number;
  /** The same for every run of this job; pass it on to APIs that support idempotency keys. */
  idempotencyKey: string;
  tenant: string;
  /** Aborted at the timeout and when the process must stop. */
  signal: AbortSignal;
  log: Log;
  /** Reports the job's progress to callers; in any unit, `done` of `total`. */
  progress(done: number, total: number): void;
  sql: Sql;
  services: Services;
}

/** The second argument of `runMany`; all its jobs belong to one batch. */
export interface JobsContext {
  asyncId: string;
  tenant: string;
  signal: AbortSignal;
  log: Log;
  sql: Sql;
  services: Services;
}
