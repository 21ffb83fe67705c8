/** `batchwright/plugin/testing`: runs an action as the worker would, without a database. */
import { resolve } from 'node:path';
import type { Action } from '../plugin/action.ts';
import type { JobContext, Log, Services, Sql } from '../plugin/context.ts';
import { loadRegistry, type RegisteredAction, type Registry } from '../registry/registry.ts';
import { checkParams } from '../validation/check-params.ts';

/** Values that the test passes to the action; everything else has a harmless default. */
export interface PerformOptions extends Partial<Omit<JobContext, 'services'>> {
  services?: Partial<Services>;
  /** The folder with `jobs/` and `schemas/`; the working directory when absent. */
  root?: string;
}

/** The params break the action's schema; the messages are the same as for a caller. */
export class InvalidParamsError extends Error {
  readonly messages: string[];

  constructor(name: string, messages: string[]) {
    super(`${name}: ${messages.join('; ')}`);
    this.name = 'InvalidParamsError';
    this.messages = messages;
  }
}

const registries = new Map<string, Promise<Registry>>();

/**
 * Checks the params against the action's schema, passes them through JSON, runs the action, and passes its
 * response through JSON: the test sees the same as a caller. Throws InvalidParamsError, TypeError for values
 * that are not valid JSON, and whatever the action throws.
 *
 * @param action `namespace.action`, or the default export of its file
 */
export async function performAction(
  action: string | Action,
  params: unknown,
  options: PerformOptions = {},
): Promise<unknown> {
  const { root = process.cwd(), services, ...given } = options;
  const entry = await findAction(resolve(root), action);
  const sent = throughJson(params, 'params');
  const problem = checkParams(entry.validate, sent);
  if (problem) throw new InvalidParamsError(entry.name, problem.messages);
  const context: JobContext = { ...defaultContext(services), ...given };
  const response = await runOnce(entry, sent, context);
  return throughJson(response ?? null, 'response');
}

function throughJson(value: unknown, what: string): unknown {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined)
    throw new TypeError(`the ${what} must be JSON, not a value of type ${typeof value}`);
  return JSON.parse(text);
}

async function findAction(root: string, action: string | Action): Promise<RegisteredAction> {
  const registry = registries.get(root) ?? loadRegistry([root]);
  registries.set(root, registry);
  const entry = (await registry).actions.find(
    ({ name, action: known }) => name === action || known === action,
  );
  if (!entry)
    throw new Error(
      `there is no action ${typeof action === 'string' ? action : 'of that file'} under ${root}`,
    );
  return entry;
}

async function runOnce({ action }: RegisteredAction, params: unknown, context: JobContext): Promise<unknown> {
  if (action.run) return action.run(params, context);
  const [answer] = await action.runMany(
    [{ index: context.index, params, attempt: context.attempt }],
    context,
  );
  if (answer instanceof Error) throw answer;
  return answer;
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
const ASYNC_ID = '0'.repeat(32);

function defaultContext(services: Partial<Services> = {}): JobContext {
  return {
    asyncId: ASYNC_ID,
    index: 0,
    attempt: 1,
    idempotencyKey: `${ASYNC_ID}-0`,
    tenant: 'default',
    signal: new AbortController().signal,
    log: silent,
    progress: () => {},
    sql: noSql,
    services: { http: noHttp, publicUrl: 'http://127.0.0.1:3000', ...services },
  };
}

const noSql: Sql = {
  query: () => Promise.reject(new Error('performAction has no database: pass one with { sql }')),
};

function noHttp(): Promise<never> {
  return Promise.reject(
    new Error('performAction sends no requests: pass a service with { services: { http } }'),
  );
}
