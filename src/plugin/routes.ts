import type { Request, Router } from 'express';
import type { Log, Sql } from './context.ts';
import type { JSONSchema } from './json-schema.ts';

/** The caller of a plugin's route. */
export interface RouteCaller {
  tenant: string;
  keyId: string;
  permissions: readonly string[];
}

/** A batch as a route submits it. */
export interface SubmittedBatch {
  jobs: Iterable<unknown> | AsyncIterable<unknown>;
  /** Read after the last job, so it may be a getter that returns what has arrived by then. */
  callbackUrl?: string | undefined;
  /** The options of `run`; read after the last job. */
  options?: object | undefined;
  /**
   * At most 16 headers that the callback carries in addition, stored encrypted: SECRET_KEY is needed. They must not be
   * those of the connection, of the body or of the signature.
   */
  callbackHeaders?: Readonly<Record<string, string>> | undefined;
}

/** What a route can do, always as the caller of the request. */
export interface RouteTools {
  callerOf(request: Request): RouteCaller;
  /** Stores a batch; returns its asyncId. Throws the error that `run` would answer. */
  submit(request: Request, batch: SubmittedBatch): Promise<{ asyncId: string }>;
  /** The batch's state and counts, or null when the caller has no such batch. */
  batch(request: Request, asyncId: string): Promise<{ state: string; counts: Record<string, number> } | null>;
  /**
   * The recorded results in request order: read them with `for await`, or `await
   * Array.fromAsync(results(request, asyncId))` when they are few. Throws at the first read when the caller
   * has no such batch.
   */
  results(request: Request, asyncId: string): AsyncIterable<unknown>;
  /** Runs one action in the worker and waits for its response, at most 30 s. */
  call(request: Request, action: string, params: unknown): Promise<unknown>;
  /**
   * The body as JSON of any kind; `{}` when it is empty. It is parsed at once, so it is meant for small bodies.
   * Throws 400 for a body that is not JSON or is nested deeper than 500, and 413 for one over `maxBytes`, 1 MiB when
   * absent.
   */
  readJson(request: Request, options?: { maxBytes?: number }): Promise<unknown>;
  /**
   * A large JSON body, split as it arrives: `elements` are those of the top-level array (`array: null`), or of the
   * array that is the member of that name. `members` has the other members of the top-level object that have arrived;
   * all of them at the end, 256 KiB at most. Reading `elements` throws 400 for a body that is not as expected, and 413.
   * `parse` makes an element of its text, instead of `JSON.parse`: for numbers that would be rounded, or to leave a long
   * text unparsed. With `wrapper` the body may also be `{"wrapper": {…}}` with that name: its value is then read as if it
   * were the body.
   */
  readJsonArray(
    request: Request,
    options: { array: string | null; wrapper?: string; parse?: (text: string) => unknown },
  ): JsonArrayBody;
  /**
   * Reads the database, for any caller. Each statement is a read-only transaction of its own and may take 5
   * s. A namespace may run 4 at once in a process, fewer while others' run. Use an action to change data.
   */
  sql: Sql;
  log: Log;
}

/** A JSON body with one long array. */
export interface JsonArrayBody {
  elements: AsyncIterable<unknown>;
  /** Without a prototype. It has the array's name when its value is not an array. */
  members: Record<string, unknown>;
  /** True once the end of the array was read. */
  readonly hasArray: boolean;
}

/** What `authenticate` can use. */
export interface AuthenticationTools {
  /** The caller of an API key; null for one that is unknown, revoked or expired. */
  findKey(key: string): Promise<RouteCaller | null>;
  /** False when the key with this id was revoked or has expired, 2 s late at most. */
  isValidKey(keyId: string): Promise<boolean>;
  sql: Sql;
  log: Log;
}

/** An error of a request below a prefix: of the route, or of Batchwright itself. */
export interface RouteError {
  status: number;
  message: string;
  specificCode?: number | undefined;
  additionalMessages?: string[] | undefined;
  details?: unknown;
  retryAfterSeconds?: number | undefined;
}

/** A part of `/openapi.json` (OpenAPI 3.1). */
export interface RouteDocument {
  /** Path items by their path below the prefix; the empty path is the prefix itself. */
  paths: Readonly<Record<string, object>>;
  /** Their names begin with the namespace and a dot: `demo.Guest`. */
  components?: {
    schemas?: Readonly<Record<string, JSONSchema>>;
    securitySchemes?: Readonly<Record<string, object>>;
  };
}

export interface Routes {
  /** Absolute path of all its routes, such as `/event`. */
  prefix: string;
  /** Returns the caller of the request; null answers 401. Without it the usual API keys are required. */
  authenticate?: (
    request: Request,
    tools: AuthenticationTools,
  ) => RouteCaller | null | Promise<RouteCaller | null>;
  /** The JSON of every error below the prefix, unknown paths included; the contract's shape without it. */
  errorBody?: (error: RouteError, request: Request) => unknown;
  /**
   * Other names of permissions: `{ 'orders.store-many': 'orders.storeMany' }`. A key that is made with such a name gets
   * the permission of the right side.
   */
  permissionAliases?: Readonly<Record<string, string>>;
  /**
   * OpenAPI path items, by their path below the prefix: `{ '/{id}': { get: { … } } }`. They are in `/openapi.json`. A
   * function is called when somebody asks for that document for the first time, so that a long description of its own
   * file is not loaded before.
   */
  openapi?: RouteDocument['paths'] | (() => RouteDocument | Promise<RouteDocument>);
  /** Adds the routes, before the server takes requests; at most 30 s. */
  routes(router: Router, tools: RouteTools): void | Promise<void>;
}

/**
 * Declares the HTTP routes of a folder's `routes.ts`; its default export. A folder with several prefixes exports an
 * array of them.
 */
export function defineRoutes(routes: Routes): Routes {
  return routes;
}
