import type { Request, Router } from 'express';
import type { Log, Sql } from './context.ts';

/** Who a plugin's route acts for. */
export interface RouteCaller {
  tenant: string;
  keyId: string;
  permissions: readonly string[];
}

/** What a route may do: all of it as the caller of the request. */
export interface RouteTools {
  /** Stores a batch; answers its asyncId. Throws what `run` would answer. */
  submit(
    request: Request,
    batch: { jobs: Iterable<unknown> | AsyncIterable<unknown>; callbackUrl?: string },
  ): Promise<{ asyncId: string }>;
  /** The batch's state and counts, or null when the caller has no such batch. */
  batch(request: Request, asyncId: string): Promise<{ state: string; counts: Record<string, number> } | null>;
  /**
   * The recorded results in request order: for `for await`, or `await Array.fromAsync(results(request, asyncId))`
   * where they are few. Throws as soon as it is read when the caller has no such batch.
   */
  results(request: Request, asyncId: string): AsyncIterable<unknown>;
  /** Runs one action in the worker and waits for its response, at most 30 s. */
  call(request: Request, action: string, params: unknown): Promise<unknown>;
  /**
   * Reads the database, whoever asks: each statement in a read-only transaction of its own, 5 s at most, and 4 of
   * a namespace at once in a process, fewer while others' run. What is to be changed is an action's.
   */
  sql: Sql;
  log: Log;
}

export interface Routes {
  /** Absolute path under which all of its routes stand, such as `/event`. */
  prefix: string;
  /** Who the request is from; null answers 401. Without it the usual API keys are asked for. */
  authenticate?: (request: Request) => RouteCaller | null | Promise<RouteCaller | null>;
  /** Adds the routes, before the server takes requests; at most 30 s. */
  routes(router: Router, tools: RouteTools): void | Promise<void>;
}

/** Declares the HTTP routes of a folder's `routes.ts`; its default export. */
export function defineRoutes(routes: Routes): Routes {
  return routes;
}
