/** What actions get beside their params. Classes: a literal with a getter takes forty times as long to make. */
import type { JobContext, JobsContext, Log, Services, Sql } from '../plugin/context.ts';
import type { Deadline } from './deadline.ts';
import type { RunScope } from './run-scope.ts';

/** For `runMany`. */
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

/** For `run`. */
export class RunContext extends SharedContext implements JobContext {
  readonly index: number;
  readonly attempt: number;
  readonly #scope: RunScope;

  constructor(scope: RunScope, sql: Sql, deadline: Deadline, index: number) {
    super(scope, sql, deadline);
    this.index = index;
    this.attempt = scope.attempt;
    this.#scope = scope;
  }

  get idempotencyKey(): string {
    return `${this.asyncId}-${this.index}`;
  }

  /** A function of its own, for actions take it out of the context. */
  get progress(): (done: number, total: number) => void {
    return (done, total) => this.#scope.reportProgress(this.index, done, total);
  }
}
