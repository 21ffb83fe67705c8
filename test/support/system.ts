/** The product in the test's own process, on its own database: API, worker, or both. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { LookupFunction } from 'node:net';
import { resolve } from 'node:path';
import type pg from 'pg';
import pino from 'pino';
import { startApi } from '../../src/app/api.ts';
import { listen } from '../../src/app/listen.ts';
import { loadPlugins, migrateAll } from '../../src/app/prepare.ts';
import type { Running } from '../../src/app/running.ts';
import { startWorker } from '../../src/app/worker.ts';
import { type Config, readConfig } from '../../src/config/config.ts';
import type { StallTimes } from '../../src/pipeline/upkeep/stall-watch.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { batchEnded } from '../../src/telemetry/events.ts';
import type { QuarantineOptions } from '../../src/worker/quarantine/parent.ts';
import { createDatabase } from './database.ts';
import { documentedBy, type RequireDocumented } from './documented.ts';
import type { Json } from './json.ts';
import { waitFor } from './wait.ts';

export const ADMIN_KEY = 'the-admin-key-of-the-tests';
/** Actions for tests: `test.echo`, `test.behave` and others. */
export const TEST_PLUGINS = resolve(import.meta.dirname, '../plugins');
const MAIN = resolve(import.meta.dirname, '../../src/main.ts');

interface TestContext {
  after(fn: () => Promise<unknown> | unknown): void;
}

export interface Answer {
  status: number;
  headers: Headers;
  body: Json;
}

export interface System {
  url: string;
  databaseUrl: string;
  pool: pg.Pool;
  config: Config;
  registry: Registry;
  /** POST `/batch?action=…`; an object is sent as JSON, text and bytes unchanged. */
  rpc(action: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Any other request, with the admin key unless headers say otherwise. */
  request(path: string, init?: RequestInit): Promise<Answer>;
  /** Runs a batch and returns its asyncId. */
  run(jobs: unknown[], more?: object): Promise<string>;
  /** The status when the batch has ended. */
  ended(asyncId: string, timeoutMs?: number): Promise<{ state: string; counts: Record<string, number> }>;
  results(asyncId: string): Promise<Json[]>;
  /**
   * A worker in a separate process; ended with the test.
   * @param program other than src/main.ts
   */
  forkWorker(env?: Record<string, string>, program?: string): Promise<ChildProcess>;
  /** Another worker in this process. Its quarantine is in processes of its own, as always. */
  addWorker(quarantine?: QuarantineOptions): Promise<Running>;
  /** The log of this process so far; empty unless the test sets LOG_LEVEL. */
  log: LogLine[];
}

export interface LogLine {
  level: number;
  msg: string;
  [field: string]: Json;
}

interface Loaded {
  registry: Registry;
  requireDocumented: RequireDocumented;
}

let testPlugins: Promise<Loaded> | undefined;

/** The systems of a process share the plugins for tests, as they share their modules. registry.test.ts checks them. */
function loaded(config: Config): Promise<Loaded> {
  if (config.pluginDir !== TEST_PLUGINS) return load(config);
  testPlugins ??= load(config, { areSchemasChecked: true });
  return testPlugins;
}

async function load(config: Config, options: Parameters<typeof loadPlugins>[1] = {}): Promise<Loaded> {
  const registry = await loadPlugins(config, { isGuest: true, ...options });
  return { registry, requireDocumented: await documentedBy(registry) };
}

/**
 * @param options.env further variables
 * @param options.worker false to start without one
 * @param options.callWaitMs how long a call of a single action waits, instead of 30 s
 * @param options.stallTimes the times of the stall watch
 * @param options.through how the API reaches the database, when not directly
 * @param options.lookup how host names of callbacks and requests are resolved
 */
export async function startSystem(
  t: TestContext,
  options: {
    env?: Record<string, string>;
    worker?: boolean;
    callWaitMs?: number;
    stallTimes?: StallTimes;
    lookup?: LookupFunction;
    through?: (databaseUrl: string) => Promise<string>;
  } = {},
): Promise<System> {
  // Ended in reverse order by one hook, because the test runner calls several hooks in their given order.
  const endings: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const end of endings.reverse()) await end();
  });
  const database = await createDatabase();
  endings.push(() => database.drop());
  const env = {
    DATABASE_URL: database.url,
    PORT: '0',
    ADMIN_KEY,
    PLUGIN_DIR: TEST_PLUGINS,
    CALLBACK_ALLOW: '127.0.0.1',
    LOG_LEVEL: 'silent',
    ...options.env,
  };
  const config = readConfig(env);
  const lines: LogLine[] = [];
  const log = pino({ level: config.logLevel }, { write: (line) => lines.push(JSON.parse(line)) });
  const { registry, requireDocumented } = await loaded(config);
  await migrateAll(database.url, registry, log);
  const listening = await listen(config);
  const { url } = listening;
  const api = await startApi({
    config,
    databaseUrl: (await options.through?.(database.url)) ?? database.url,
    log,
    registry,
    adminKey: ADMIN_KEY,
    secretKeys: config.secretKeys,
    listening,
    callWaitMs: options.callWaitMs,
    stallTimes: options.stallTimes,
    lookup: options.lookup,
  });
  endings.push(() => api.drain());
  const children = new Set<ChildProcess>();
  endings.push(() => Promise.all([...children].map(endChild)));

  async function addWorker(quarantine?: QuarantineOptions): Promise<Running> {
    const worker = await startWorker({
      config,
      databaseUrl: database.url,
      log,
      registry,
      url,
      lookup: options.lookup,
      quarantine: { env: { ...process.env, ...env, ROLE: 'worker', PUBLIC_URL: url }, ...quarantine },
    });
    let drained: Promise<void> | undefined;
    const running = {
      drain: () => {
        drained ??= worker.drain();
        return drained;
      },
    };
    endings.push(running.drain);
    return running;
  }
  if (options.worker !== false) await addWorker();

  async function request(path: string, init: RequestInit = {}): Promise<Answer> {
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, ...(init.headers as Record<string, string>) };
    const response = await fetch(`${url}${path}`, { ...init, headers });
    const text = await response.text();
    const json = text !== '' && response.headers.get('content-type')?.includes('json');
    const answer = {
      status: response.status,
      headers: response.headers,
      body: json ? JSON.parse(text) : text,
    };
    requireDocumented({ method: init.method ?? 'GET', path }, answer);
    return answer;
  }
  const rpc: System['rpc'] = (action, body = {}, headers = {}) =>
    request(`/batch?action=${action}`, { method: 'POST', headers, body: asBody(body) });

  return {
    url,
    databaseUrl: database.url,
    pool: database.pool,
    config,
    registry,
    rpc,
    request,
    addWorker,
    log: lines,
    async run(jobs, more = {}) {
      const { status, body } = await rpc('run', { jobs, ...more });
      if (status !== 200) throw new Error(`run answered ${status}: ${JSON.stringify(body)}`);
      return body.asyncId;
    },
    ended: (asyncId, timeoutMs = 60_000) =>
      waitFor(
        async () => {
          const { body } = await rpc('progress', { async: asyncId });
          return (body.state === 'completed' || body.state === 'cancelled') && body;
        },
        { what: `the end of batch ${asyncId}`, timeoutMs, after: batchEnded },
      ),
    async results(asyncId) {
      const { status, body } = await rpc('results', { async: asyncId });
      if (status !== 200) throw new Error(`results answered ${status}: ${JSON.stringify(body)}`);
      // A loop over no results asserts nothing.
      if (body.results.length === 0) throw new Error(`batch ${asyncId} has no results`);
      return body.results;
    },
    async forkWorker(more = {}, program = MAIN) {
      const child = fork(program, [], {
        env: { ...process.env, ...env, ROLE: 'worker', PUBLIC_URL: url, LOG_LEVEL: 'info', ...more },
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      });
      children.add(child);
      await new Promise<void>((done, reject) => {
        child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
        child.stdout?.on('data', (text: Buffer) => {
          if (text.includes('worker ready')) done();
        });
      });
      return child;
    },
  };
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function asBody(body: unknown): string | Uint8Array<ArrayBuffer> {
  if (typeof body === 'string') return body;
  return body instanceof Uint8Array ? Uint8Array.from(body) : JSON.stringify(body);
}
