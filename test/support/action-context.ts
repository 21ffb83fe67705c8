/** Runs actions against a database, without the pipeline: this creates their context. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Action } from '../../src/plugin/action.ts';
import type { JobContext, Log, Services, Sql } from '../../src/plugin/context.ts';
import { transaction } from '../../src/postgres/transaction.ts';

export interface ActionRun extends Partial<Omit<JobContext, 'sql' | 'progress' | 'services'>> {
  services?: Partial<Services>;
  /** Collects what the action reports: `[done, total]`. */
  progress?: [number, number][];
}

export const silentPluginLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** The context of a job, with `sql` over the given pool or client. */
export function jobContext(sql: Pick<pg.ClientBase, 'query'>, run: ActionRun = {}): JobContext {
  const { services, progress, ...given } = run;
  const asyncId = randomUUID().replaceAll('-', '');
  return {
    asyncId,
    index: 0,
    attempt: 1,
    idempotencyKey: `${asyncId}-0`,
    tenant: 'default',
    signal: new AbortController().signal,
    log: silentPluginLog,
    progress: (done, total) => void progress?.push([done, total]),
    sql: sqlOver(sql),
    services: { http: noHttp, publicUrl: 'http://127.0.0.1:3000', ...services },
    ...given,
  };
}

function sqlOver(client: Pick<pg.ClientBase, 'query'>): Sql {
  return {
    async query<Row extends object>(text: string, values?: unknown[]) {
      const { rows, rowCount } = await client.query<Row & pg.QueryResultRow>(text, values);
      return { rows, rowCount: rowCount ?? 0 };
    },
  };
}

async function noHttp(): Promise<never> {
  throw new Error('this test lends no http service');
}

/**
 * Runs one job like the worker: params and response pass through JSON, and a transactional action runs in one
 * transaction. Throws what the action throws, or its Error for the job.
 */
export async function runAction<Params>(
  pool: pg.Pool,
  action: Action<Params>,
  params: Params,
  run: ActionRun = {},
): Promise<unknown> {
  const [response] = await runActionMany(pool, action, [params], run);
  if (response instanceof Error) throw response;
  return response;
}

/** Runs jobs of one batch: together when the action has runMany, otherwise one after another. */
export async function runActionMany<Params>(
  pool: pg.Pool,
  action: Action<Params>,
  params: Params[],
  run: ActionRun = {},
): Promise<unknown[]> {
  const perform = async (client: Pick<pg.ClientBase, 'query'>) => {
    const context = jobContext(client, run);
    const sent = throughJson(params);
    if (action.runMany)
      return action.runMany(
        sent.map((job, index) => ({ index, params: job, attempt: 1 })),
        context,
      );
    const responses: unknown[] = [];
    for (const job of sent) responses.push(await action.run(job, context));
    return responses;
  };
  const responses = await (action.transactional ? transaction(pool, perform) : perform(pool));
  return responses.map((response) => (response instanceof Error ? response : throughJson(response)));
}

function throughJson<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
