/** The product as its users start it, in real processes on a real Postgres, with a receiver and a checker. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { resolve } from 'node:path';
import type { Job } from '../../../src/client/index.ts';
import { type MainProcess, startMain } from '../../support/main-process.ts';
import { createDatabase } from '../../support/postgres.ts';
import { argumentsOf, nodeProcesses } from '../../support/processes.ts';
import { READY, WORKER_READY } from '../../support/product.ts';
import { until } from '../../support/until.ts';
import type { Chaos, Finding } from '../program.ts';
import { type Api, createApi } from './api.ts';
import { type Checker, startChecker } from './checker.ts';
import { type Receiver, startReceiver } from './receiver.ts';

export interface StartOptions {
  env?: Record<string, string>;
  /** Modules that the process loads first. */
  imports?: readonly string[];
  /** What it finds as /etc/resolv.conf; this takes root. */
  resolvConf?: string | undefined;
}

export interface System extends AsyncDisposable {
  api: Api;
  receiver: Receiver;
  checker: Checker;
  databaseUrl: string;
  /** The API, with its workers unless it was started with ROLE api. */
  main(): MainProcess;
  /** The living processes of its workers. */
  workerPids(): number[];
  /** Starts the API again, at the same address, after it has ended; resolves when it is ready. */
  startMain(): Promise<void>;
  /** Starts a separate worker; resolves when it takes jobs. */
  startWorker(options?: StartOptions): Promise<MainProcess>;
  /** Submits a batch with a callback and watches it; returns its asyncId. */
  take(jobs: readonly Job[], options?: { name?: string; host?: string }): Promise<string>;
  /** Checks that the API's process is alive. */
  alive(done: string): Finding;
  /** Checks that none of its workers was replaced; call it once. */
  workersLived(): Finding;
  /** A key of this tenant, whose callbacks are checked with the tenant's own secret. */
  tenant(name: string): Promise<Api>;
}

/** Repeats soon: a program has no five minutes for a second attempt. */
const CALLBACK_RETRY_SECONDS = Array(60).fill(2).join(',');
const PLUGIN_DIR = resolve(import.meta.dirname, '..');

/** Resolves when it is ready, with a worker unless ROLE is api. */
export async function startSystem({ postgres, signal }: Chaos, options: StartOptions = {}): Promise<System> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createDatabase(postgres.url));
  const receiver = stack.use(await startReceiver());
  const key = randomBytes(20).toString('hex');
  const port = await freePort();
  const env: Record<string, string> = {
    PORT: String(port),
    RATE_LIMIT: '0',
    CALLBACK_ALLOW: '127.0.0.0/8',
    CALLBACK_RETRY_SECONDS,
    PLUGIN_DIR,
    ADMIN_KEY: key,
    DATABASE_URL: database.url,
    ...options.env,
  };
  const started: MainProcess[] = [];
  stack.defer(async () => {
    await Promise.all(started.map(stopIfAlive));
  });
  async function start(): Promise<MainProcess> {
    const main = startMain({ env, imports: options.imports ?? [], resolvConf: options.resolvConf });
    started.push(main);
    await main.says(READY, signal);
    if (env.ROLE !== 'api') await main.says(WORKER_READY, signal);
    return main;
  }
  const api = createApi(`http://127.0.0.1:${port}`, key, signal);
  let main = await start();
  const firstWorkers = nodeProcesses(main.pid).filter(isWorker);
  await trust(receiver, 'default', api);
  const checker = stack.use(startChecker(api, receiver));
  const kept = stack.move();
  let taken = 0;
  return {
    api,
    receiver,
    checker,
    databaseUrl: database.url,
    main: () => main,
    workerPids: () => nodeProcesses(main.pid).filter(isWorker),
    async startMain() {
      main = await start();
    },
    async startWorker(own = {}) {
      const worker = startMain({ env: { ...env, ROLE: 'worker', ...own.env }, imports: own.imports ?? [] });
      started.push(worker);
      await worker.says(WORKER_READY, signal);
      return worker;
    },
    async take(jobs, { name = `batch-${++taken}`, host } = {}) {
      const asyncId = await api.run(jobs, receiver.urlOf(name, host));
      checker.watch({ asyncId, jobs: jobs.length, callback: name });
      return asyncId;
    },
    alive: (done) => ({
      done,
      must: 'the process of the API does not end',
      came: main.isAlive() ? 'it lives' : 'it has ended',
      held: main.isAlive(),
    }),
    workersLived() {
      const now = nodeProcesses(main.pid).filter(isWorker);
      const ended = firstWorkers.filter((pid) => !now.includes(pid)).length;
      return {
        done: '',
        must: 'no process of a worker ends',
        came: `${ended} of ${firstWorkers.length} ended`,
        held: ended === 0 && firstWorkers.length > 0,
      };
    },
    async tenant(name) {
      const wanted = { name: 'chaos', tenant: name, permissions: ['chaos.*'] };
      const own = api.as((await api.client.keys.create(wanted, { signal })).key);
      await trust(receiver, name, own);
      return own;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function trust(receiver: Receiver, tenant: string, api: Api): Promise<void> {
  receiver.trust(tenant, await api.client.callbackSecret());
}

async function stopIfAlive(main: MainProcess): Promise<void> {
  if (!main.isAlive()) return;
  // A stopped process could not drain.
  process.kill(main.pid, 'SIGCONT');
  await main.stop();
}

/** True for a process forked as a worker by the API, not by a worker as its quarantine. */
function isWorker(pid: number): boolean {
  return argumentsOf(pid).at(-1) === 'worker';
}

/** So that the next start has the same address. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Resolves when the batch has reached this percentage. */
export async function progressed(
  api: Api,
  asyncId: string,
  percent: number,
  signal: AbortSignal,
): Promise<void> {
  await until(async () => ((await api.batch(asyncId))?.progress ?? 0) >= percent, { signal, everyMs: 100 });
}
