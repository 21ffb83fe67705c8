/**
 * Runs docs/client.md, docs/integrating.md and docs/plugin-tutorial.md as a newcomer does: every block, against one
 * product.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Actions } from '../../src/client/actions.ts';
import { Batches } from '../../src/client/batches.ts';
import * as client from '../../src/client/index.ts';
import { Keys } from '../../src/client/keys.ts';
import { readBlock, readBlocks, readPage } from '../docs/pages.ts';
import { kill } from '../embedded/data-dir.ts';
import { bareEnvironment, ROOT } from '../main/product.ts';
import { waitFor } from '../support/wait.ts';
import { freePort, type Pasting, startPasting } from './pasting.ts';

const CLIENT = 'docs/client.md';
const INTEGRATING = 'docs/integrating.md';
const TUTORIAL = 'docs/plugin-tutorial.md';

const run = promisify(execFile);
const hasPython = await run('python3', ['--version']).then(
  () => true,
  () => false,
);

test('the guides work as pasted', { timeout: 600_000 }, async (t) => {
  const pasting = await startPasting(t, async (home) => {
    const PLUGIN_DIR = join(home, 'shop');
    await writeShop(PLUGIN_DIR);
    return { PLUGIN_DIR };
  });
  const { home, site, paste } = pasting;
  const folder = join(home.folder, 'shop');
  const env = {
    ...bareEnvironment(home.folder),
    BATCHWRIGHT_URL: site.url,
    BATCHWRIGHT_KEY: site.key,
  };
  const inHome = (lines: string) => paste(lines.replaceAll('/tmp/', `${home.folder}/`));

  await t.test('the plugin of the tutorial passes its own test and has right types', async () => {
    const inFolder = { cwd: folder, env: bareEnvironment(home.folder) };
    const { stdout } = await run('npm', ['test'], inFolder);
    assert.match(stdout, /^(ℹ|#) pass 3$/m);
    await run('npm', ['run', 'check'], inFolder);
  });

  await t.test('the actions and the routes of the tutorial work', async () => {
    assert.equal(await inHome(await readSecond()), '{"sku":"pen","quantity":10,"cents":1200}');
    const routed = await inHome(await readBlock(TUTORIAL, '9. A route', 'sh'));
    assert.match(routed, /^\{"asyncId":"[0-9a-f]{32}"\}\n\{"sku":"pen","quantity":500\}\n$/);
  });

  await t.test('the batch of the tutorial has 10,000 jobs, and the one that must fail fails', async () => {
    const printed = await inHome(await readBlock(TUTORIAL, '10. A batch', 'sh'));
    const [, finished = ''] = /^event: finished\ndata: (.*)$/m.exec(printed) ?? [];
    const { counts } = JSON.parse(finished);
    assert.deepEqual([counts.succeeded, counts.failed], [9999, 1]);
    assert.match(printed, /There is no article gold/);
    const metrics = await (await fetch(`${site.url}/metrics`)).text();
    assert.match(
      metrics,
      /^batchwright_jobs_finished_total\{action="shop\.setStock",status="succeeded"\} 9\d{3}$/m,
    );
  });

  await t.test('the program of the client’s page runs, and its server takes a callback', async (t) => {
    const port = await freePort();
    const program = spawn(process.execPath, ['test/client-guide.ts'], {
      cwd: folder,
      env: { ...env, RECEIVER_PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => kill(program));
    let printed = '';
    program.stdout.on('data', (text: Buffer) => {
      printed += text;
    });
    const callback = async () => printed.includes('callback completed 2');
    await waitFor(callback, { what: 'the callback', timeoutMs: 120_000 });
    const lines = printed.trim().split('\n');
    assert.deepEqual(
      lines.filter((line) => !/^\d+ % 0 failed$|^[0-9a-f]{32} finished$/.test(line)),
      CLIENT_PRINTS,
    );
    assert.equal(lines.filter((line) => line.endsWith(' finished')).length, 2);
    assert.equal(lines.filter((line) => line === '100 % 0 failed').length, 1);
  });

  await t.test('the client’s page names every method and every error', async () => {
    const page = await readPage(CLIENT);
    for (const { prototype } of [Batches, Actions, Keys, client.Batchwright])
      for (const method of Object.getOwnPropertyNames(prototype))
        if (method !== 'constructor') assert.match(page, new RegExp(`\\b${method}\\b`), method);
    for (const name of Object.keys(client)) assert.ok(page.includes(name), name);
  });

  await t.test('the integration with curl works, a second time too', async () => {
    const key = await inHome(await readBlock(INTEGRATING, 'What every client does', 'sh'));
    assert.match(key, /"key":"bw_/);
    const block = await readBlock(INTEGRATING, 'curl', 'sh');
    for (let time = 0; time < 2; time++)
      assert.match(await inHome(block), /^\{"data":\[\],"nextCursor":null\}\s*10000$/m);
  });

  await t.test('the integration with Node works', async () => {
    const { stdout } = await run(process.execPath, ['import-contacts.mjs'], { cwd: folder, env });
    assert.equal(stdout, '10000 of 10000 succeeded\n');
  });

  const skip = !hasPython && 'no python3';
  await t.test('the integration with Python works', { skip }, async () => {
    await writeFile(join(folder, 'import_contacts.py'), await readBlock(INTEGRATING, 'Python', 'python'));
    for (let time = 0; time < 2; time++) {
      const { stdout } = await run('python3', ['import_contacts.py'], { cwd: folder, env });
      assert.equal(stdout, '10000 of 10000 succeeded\n');
    }
    const wrong = { cwd: folder, env: { ...env, BATCHWRIGHT_KEY: 'bw_wrong' } };
    await assert.rejects(run('python3', ['import_contacts.py'], wrong), /401/);
  });

  await t.test('the receiver in Python accepts only signed callbacks', { skip }, async (t) => {
    await acceptsSignedOnly(t, pasting, folder);
  });
});

/** What the program of the client's page prints beside the progress. */
const CLIENT_PRINTS = [
  ...['completed 2', 'contact 1', 'contact 2'],
  'true', // the batch that was retrieved
  '10000', // jobs that were sent while they were made
  ...['completed', '0 failed', '{"index":0,"', '{"index":1,"'],
  'true', // bytes of CSV
  ...['9990,9991,9992,9993,9994', 'succeeded 1', '0 kinds of errors', '10000'],
  ...['32 completed', '2 true'],
  ...['1 failed again', 'completed', 'null', '[]'],
  ...['contact 1', 'contact.getContact 60', 'true'],
  ...['true', 'true'], // a key that was made and listed
  'true', // the old secret still signs
  ...['callback completed 0', '204'],
  ...['BadRequestError 400 24092', 'jobs[0]: there is no action contact.nope'],
  'callback completed 2',
];

/** The files that the page shows, each under the path in its first line; and the programs of the other pages. */
async function writeShop(folder: string): Promise<void> {
  for (const { language, code } of await readBlocks(TUTORIAL)) {
    const [, path] = /^(?:\/\/|--) (\S+)\n/.exec(code) ?? [];
    if (path && ['ts', 'sql'].includes(language)) await write(join(folder, path), code);
  }
  const [packageJson, tsconfig] = (await readBlocks('docs/plugins.md')).filter(
    ({ language }) => language === 'json',
  );
  await write(join(folder, 'package.json'), packageJson?.code ?? '');
  await write(join(folder, 'tsconfig.json'), tsconfig?.code ?? '');
  const blocks = (await readBlocks(CLIENT)).filter(({ language }) => language === 'ts');
  const program = blocks.map(({ code }) => code).join('\n');
  // In the folder whose types are checked.
  await write(join(folder, 'test/client-guide.ts'), `${program}\n${CALL_BACK}`);
  await write(join(folder, 'import-contacts.mjs'), await readBlock(INTEGRATING, 'Node', 'js'));
  // The result of npm install for the dependency.
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules/batchwright'));
}

/** Behind the blocks of the client's page: a batch whose callback its server receives. */
const CALL_BACK = `
const callbackUrl = 'http://127.0.0.1:' + port + '/';
await client.batches.createAndWait({ jobs: [contact('Ada'), contact('Alan')], callbackUrl });
`;

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** The second shell block of its section; the first one starts the product. */
async function readSecond(): Promise<string> {
  const blocks = (await readBlocks(TUTORIAL)).filter(
    ({ heading, language }) => heading === '5. Run it' && language === 'sh',
  );
  assert.equal(blocks.length, 2);
  return blocks[1]?.code ?? '';
}

async function acceptsSignedOnly(
  t: { after(fn: () => Promise<void>): void },
  { home, site, get }: Pasting,
  folder: string,
): Promise<void> {
  await writeFile(join(folder, 'receive.py'), await readBlock(INTEGRATING, 'A receiver in Python', 'python'));
  const port = await freePort();
  const { secret } = await get('/v1/callback-secret');
  const receiver = spawn('python3', ['receive.py'], {
    cwd: folder,
    env: {
      ...bareEnvironment(home.folder),
      CALLBACK_SECRET: `whsec_c2VjcmV0 ${secret}`,
      PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => kill(receiver));
  let printed = '';
  receiver.stdout.on('data', (text: Buffer) => {
    printed += text;
  });
  const callbackUrl = `http://127.0.0.1:${port}/`;
  const unsigned = await waitFor(() => fetch(callbackUrl, { method: 'POST', body: '{}' }).catch(() => null), {
    what: 'the receiver',
  });
  assert.equal(unsigned.status, 400);
  const jobs = [{ namespace: 'test', action: 'ping', params: {} }];
  const { asyncId } = (await site.rpc('run', { jobs, callbackUrl })).body;
  await waitFor(async () => printed.includes(`${asyncId} completed 1`), { what: 'the callback' });
}
