import type { Request, Router } from 'express';
import type { Log, Sql } from './context.ts';

/** The caller of a plugin's route. */
export interface RouteCaller {
  tenant: string;
  keyId: string;
  permissions: readonly string[];
}

/** What a route can do, always as the caller of the request. */
export interface RouteTools {
  /** Stores a batch; returns its asyncId. Throws the error that `run` would answer. */
  submit(
    request: Request,
    batch: { jobs: Iterable<unknown> | AsyncIterable<unknown>; callbackUrl?: string },
  ): Promise<{ asyncId: string }>;
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
   * Reads the database, for any caller. Each statement is a read-only transaction of its own and may take 5
   * s. A namespace may run 4 at once in a process, fewer while others' run. Use an action to change data.
   */
  sql: Sql;
  log: Log;
}

export interface Routes {
  /** Absolute path of all its routes, such as `/event`. */
  prefix: string;
  /** Returns the caller of the request; null answers 401. Without it the usual API keys are required. */
  authenticate?: (request: Request) => RouteCaller | null | Promise<RouteCaller | null>;
  /** Adds the routes, before the server takes requests; at most 30 s. */
  routes(router: Router, tools: RouteTools): void | Promise<void>;
}

/** Declares the HTTP routes of a folder's `routes.ts`; its default export. */
export function defineRoutes(routes: Routes): Routes {
  return routes;
}
