import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { suite, type TestContext, test } from 'node:test';
import pino from 'pino';
import { type BatchwrightOptions, createBatchwright } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { databaseFolder } from '../support/database-folder.ts';
import { waitFor } from '../support/wait.ts';
import { startCollector } from '../tracing/collector.ts';

const PLUGIN_DIR = join(import.meta.dirname, '../plugins');
const ADMIN_KEY = 'a key of twenty characters';

/** What a program may have of its own on `process`. */
function listeners(): string[] {
  return process.eventNames().map((name) => `${String(name)} ${process.listenerCount(name)}`);
}

/** Names of what keeps the program running. */
function handles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => !/^(PipeWrap|TTYWrap|FSReqPromise)$/.test(name));
}

/**
 * What observes the process at a time: monitors of the event loop that are enabled, and performance observers. Node has
 * no list of them.
 */
function openObservers({ mock }: TestContext): { now(): object[]; seen(): number } {
  const all = new Set<object>();
  const open = new Set<object>();
  const follow = (type: object, begin: string, end: string) => {
    const methods = type as Record<string, (this: object, ...given: unknown[]) => unknown>;
    const { [begin]: begins, [end]: ends } = methods;
    mock.method(methods, begin, function (this: object, ...given: unknown[]) {
      all.add(this);
      open.add(this);
      return begins?.apply(this, given);
    });
    mock.method(methods, end, function (this: object, ...given: unknown[]) {
      open.delete(this);
      return ends?.apply(this, given);
    });
  };
  follow(Object.getPrototypeOf(monitorEventLoopDelay()), 'enable', 'disable');
  follow(PerformanceObserver.prototype, 'observe', 'disconnect');
  return { now: () => [...open], seen: () => all.size };
}

suite('createBatchwright', () => {
  test('runs jobs, and leaves nothing behind when it is closed, also twice', async (t) => {
    const { url: databaseUrl } = await createDatabase(t);
    const dataDir = join(await databaseFolder(), `batchwright-program-${process.pid}`);
    t.after(() => rm(dataDir, { recursive: true, force: true }));
    const collector = await startCollector(t);
    const before = { listeners: listeners(), handles: handles(), env: { ...process.env } };
    const observers = openObservers(t);
    const lines: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const options = { port: 0, dataDir, databaseUrl, adminKey: ADMIN_KEY, pluginDir: PLUGIN_DIR, logger };
    const traced = { otlpEndpoint: collector.url, otlpProtocol: 'http/json' } as const;
    const server = await createBatchwright({ ...options, ...traced, logLevel: 'silent' });
    assert.equal(server.adminKey, ADMIN_KEY);
    const answer = await fetch(`${server.url}/api/1.0/test?action=echo`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
      body: '{"n":1}',
    });
    assert.deepEqual(await answer.json(), { n: 1 });
    assert.ok(lines.length > 0, 'the log is the one that was given');
    assert.equal((await fetch(`${server.url}/metrics`)).status, 200);
    assert.ok(observers.seen() >= 3, 'our monitor, and a monitor and an observer of prom-client');
    await Promise.all([server.close(), server.close()]);
    await assert.rejects(fetch(server.url));
    const roles = new Set(collector.spans.map(({ role }) => role));
    assert.deepEqual([...roles].sort(), ['all', 'worker'], 'spans are sent before the end');
    await assert.rejects(createBatchwright(null as never), /^TypeError: createBatchwright needs an object/);
    await waitFor(async () => handles().length <= before.handles.length, { what: `the end of ${handles()}` });
    assert.deepEqual(observers.now(), [], 'observers of the process');
    assert.deepEqual(listeners(), before.listeners);
    assert.deepEqual({ ...process.env }, before.env);

    const again = await createBatchwright({ ...options, role: 'api' });
    await again.close();
  });

  test('a wrong option rejects with the words for a wrong variable, and names the option', async (t) => {
    const dataDir = join(await databaseFolder(), `batchwright-refused-${process.pid}`);
    t.after(() => rm(dataDir, { recursive: true, force: true }));
    const folder = import.meta.dirname;
    const before = { listeners: listeners(), handles: handles() };
    for (const [options, message] of [
      [{ port: 99_999 }, 'port=99999 is not allowed: it must be a whole number from 0 to 65535'],
      [{ workers: 1.5 }, 'workers=1.5 is not allowed: it must be a whole number from 1 to 64'],
      [{ logLevel: 'loud' }, /^logLevel=loud is not allowed: it must be one of trace, debug, /],
      [{ adminKey: 'short' }, /^adminKey=\(5 characters, not shown\) is not allowed: it must be 20 or more /],
      [{ role: 'worker' }, /^role=worker is not allowed: it must be one of all, api/],
      [{ port: null }, 'port must be a text, a number or an array of them, not null'],
      [{ prot: 1 }, 'the option prot is not known: did you mean port?'],
      [{ worker: 2 }, 'the option worker is not known: did you mean workers?'],
      [{ metricsPort: 0 }, /^the option metricsPort is not known: did you mean metricsKey\?/],
      [
        { pluginDir: folder },
        `pluginDir=${folder} has no folder jobs/: its actions must be jobs/<namespace>/<action>.ts in it`,
      ],
      [
        { databaseUrl: 'postgres://u:p@127.0.0.1:1/x' },
        'databaseUrl cannot be used: connect ECONNREFUSED 127.0.0.1:1',
      ],
      [{ databaseDirectUrl: 'postgres://u:p@127.0.0.1:1/x' }, /^databaseDirectUrl needs databaseUrl: /],
      [{ host: '192.0.2.1' }, /^host=192\.0\.2\.1 is not an address of this machine: /],
    ] as [object, string | RegExp][])
      await assert.rejects(createBatchwright({ port: 0, dataDir, ...options } as BatchwrightOptions), {
        message,
      });
    await waitFor(async () => handles().length <= before.handles.length, { what: `the end of ${handles()}` });
    assert.deepEqual(listeners(), before.listeners);
  });

  test('lists are arrays or texts', async (t) => {
    const { url: databaseUrl } = await createDatabase(t);
    const dataDir = join(await databaseFolder(), `batchwright-lists-${process.pid}`);
    t.after(() => rm(dataDir, { recursive: true, force: true }));
    const server = await createBatchwright({
      ...{ port: 0, dataDir, databaseUrl, role: 'api', logLevel: 'silent' },
      callbackAllow: ['127.0.0.1', 'localhost'],
      callbackRetrySeconds: [5, 300],
      trustProxy: false,
      httpAllow: 'localhost,::1',
    });
    await server.close();
    await assert.rejects(
      createBatchwright({ callbackAllow: ['10.0.0.0/99'] }),
      /^StartError: callbackAllow=10\.0/,
    );
  });
});
