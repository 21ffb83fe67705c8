/**
 * The second argument of actions. Classes, because an object literal with a getter takes forty times as long
 * to make.
 */
import type { JobContext, JobsContext, Log, Services, Sql } from '../../plugin/context.ts';
import type { Deadline } from './deadline.ts';
import type { RunScope } from './run-scope.ts';

/** The context of `runMany`. */
export class SharedContext implements JobsContext {
  readonly asyncId: string;
  readonly tenant: string;
  readonly log: Log;
  readonly sql: Sql;
  readonly services: Services;
  readonly #deadline: Deadline;

  constructor({ asyncId, tenant, log, services }: RunScope, sql: Sql, deadline: Deadline) {
    this.asyncId = asyncId;
    this.tenant = tenant;
    this.log = log;
    this.sql = sql;
    this.services = services;
    this.#deadline = deadline;
  }

  get signal(): AbortSignal {
    return this.#deadline.signal;
  }
}

/** The context of `run`. All fields except the signal are own properties, so that a spread copies them. */
export class RunContext extends SharedContext implements JobContext {
  readonly index: number;
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly progress: (done: number, total: number) => void;

  constructor(scope: RunScope, sql: Sql, deadline: Deadline, index: number) {
    super(scope, sql, deadline);
    this.index = index;
    this.attempt = scope.attempt;
    this.idempotencyKey = `${scope.asyncId}-${index}`;
    this.progress = (done, total) => scope.reportProgress(index, done, total);
  }
}
