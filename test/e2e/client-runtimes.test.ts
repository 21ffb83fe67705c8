/** One program that uses batchwright/client against a real server, in every runtime that this machine can have. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { bareEnvironment, ROOT } from '../main/product.ts';
import { type ReceivedCallback, startReceiver } from '../pipeline/deliver/deliver-receiver.ts';
import { chromiumPath, startBrowser } from '../support/browser.ts';
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts';

const run = promisify(execFile);
const ENDINGS: (() => Promise<unknown>)[] = [];

/** The Node versions that the client supports, by the packages that have them; and two other runtimes. */
const NODE = `node-${process.platform}-${process.arch}`;
const PACKAGES = {
  'Node 20': { package: `${NODE}@20`, command: 'bin/node', args: [] },
  'Node 22': { package: `${NODE}@22`, command: 'bin/node', args: [] },
  'Node 26': { package: `${NODE}@26`, command: 'bin/node', args: [] },
  Deno: { package: 'deno@2', command: 'deno', args: ['run', '--allow-net', '--no-prompt'] },
  Bun: { package: 'bun@1', command: 'bun', args: ['run'] },
};

const program = (site: object) => `
  import { Batchwright, unwrapCallback } from './client.mjs';
  const { url, key, callback, secret } = ${JSON.stringify(site)};
  const client = new Batchwright({ url, key });
  const { batches } = client;
  const job = (n) => ({ namespace: 'test', action: 'echo', params: { n } });
  async function* jobs() { for (let n = 0; n < 3; n++) yield job(n); }
  export async function main() {
    const created = await batches.createAndWait({ jobs: [job(7)] });
    const sent = await batches.createFrom(jobs());
    let seen;
    const { state } = await batches.wait(sent.asyncId, { onProgress: (batch) => { seen = batch.state; } });
    const responses = [];
    for await (const { response } of batches.results(sent.asyncId)) responses.push(response);
    const unknown = await batches.retrieve('0'.repeat(32)).catch(({ name, status }) => [name, status]);
    const { state: reported } = await unwrapCallback(callback.body, callback.headers, secret);
    const forged = await unwrapCallback(callback.body + ' ', callback.headers, secret).catch(({ name }) => name);
    const ended = new AbortController();
    ended.abort(new Error('enough'));
    const aborted = await batches.retrieve(sent.asyncId, ended).catch(({ message }) => message);
    return { first: created.state, state, seen, responses, unknown, reported, forged, aborted };
  }`;

const EXPECTED = {
  first: 'completed',
  state: 'completed',
  seen: 'completed',
  responses: [{ n: 0 }, { n: 1 }, { n: 2 }],
  unknown: ['NotFoundError', 404],
  reported: 'completed',
  forged: 'CallbackError',
  aborted: 'enough',
};

suite('batchwright/client in other runtimes', { timeout: 240_000 }, () => {
  let folder: string;
  let system: System;
  before(async () => {
    const context = { after: (fn: () => unknown) => void ENDINGS.unshift(async () => fn()) };
    folder = await mkdtemp(join(tmpdir(), 'batchwright-client-'));
    ENDINGS.unshift(() => rm(folder, { recursive: true, force: true }));
    system = await startSystem(context, { env: { CALLBACK_ALLOW: '127.0.0.1' } });
    const callback = await receiveCallback(context, system);
    const { body } = await system.request('/v1/callback-secret');
    await buildClient(join(folder, 'client.mjs'));
    const site = { url: system.url, key: ADMIN_KEY, callback, secret: body.secret };
    await writeFile(join(folder, 'program.mjs'), program(site));
    const main = `import { main } from './program.mjs'; console.log(JSON.stringify(await main()));`;
    await writeFile(join(folder, 'main.mjs'), main);
  });
  after(async () => {
    for (const end of ENDINGS) await end();
  });

  for (const [name, runtime] of Object.entries(PACKAGES))
    test(`the client works in ${name}`, async (t) => {
      const program = await install(join(folder, name.replace(' ', '-')), runtime);
      if (typeof program !== 'string')
        return t.skip(`${runtime.package} cannot be installed: ${program.why}`);
      const { stdout } = await run(program, [...runtime.args, join(folder, 'main.mjs')], {
        env: { ...bareEnvironment(folder), DENO_NO_UPDATE_CHECK: '1' },
        timeout: 60_000,
      });
      assert.deepEqual(JSON.parse(stdout), EXPECTED);
    });

  test('the client works in a page, in Chromium', {
    skip: chromiumPath === undefined && 'no Chromium',
  }, async (t) => {
    const page = await (await startBrowser(t)).newPage();
    // The API allows no other origins, so the page is one of its own.
    await page.route('**/client-page/*', async (route) => {
      const name = new URL(route.request().url()).pathname.split('/').at(-1) ?? '';
      if (name === 'index.html')
        return route.fulfill({ contentType: 'text/html', body: '<title>client</title>' });
      return route.fulfill({ contentType: 'text/javascript', body: await readFile(join(folder, name)) });
    });
    await page.goto(`${system.url}/client-page/index.html`);
    const seen = await page.evaluate(`import('/client-page/program.mjs').then(({ main }) => main())`);
    assert.deepEqual(seen, EXPECTED);
  });
});

/** A bundle that imports nothing. */
async function buildClient(outfile: string): Promise<void> {
  const { metafile } = await build({
    entryPoints: [join(ROOT, 'src/client/index.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    metafile: true,
  });
  assert.deepEqual(Object.values(metafile.outputs)[0]?.imports, []);
}

async function receiveCallback(
  t: { after(fn: () => unknown): void },
  system: System,
): Promise<ReceivedCallback | undefined> {
  const receiver = await startReceiver(t);
  await system.run([{ namespace: 'test', action: 'echo', params: { n: 1 } }], { callbackUrl: receiver.url });
  return (await receiver.received(1))[0];
}

/** The program of a package; an object with the reason where the package cannot be had. */
async function install(
  folder: string,
  { package: name, command }: { package: string; command: string },
): Promise<string | { why: string }> {
  const args = ['--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', '--fetch-retries=0'];
  try {
    await run('npm', ['install', ...args, name], { cwd: tmpdir(), timeout: 120_000 });
    const packageFolder = join(folder, 'node_modules', name.slice(0, name.lastIndexOf('@')));
    const path = command.includes('/')
      ? join(packageFolder, command)
      : join(folder, 'node_modules/.bin', command);
    await run(path, ['--version'], { timeout: 60_000 });
    return path;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return { why: (stderr || message).trim().split('\n')[0] ?? '' };
  }
}
