/** What the documents print for their readers to run is run here, as it stands there. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { kill } from '../database/data-dir.ts';
import { bareEnvironment, makeHome, ROOT } from '../main/product.ts';
import { waitFor } from '../support/wait.ts';
import { readBlock, readBlocks } from './pages.ts';

test('what the documents print works as pasted', async (t) => {
  const home = await makeHome(t);
  const plugins = join(home.folder, 'plugins');
  await writePlugins(plugins);
  const product = home.start({ PLUGIN_DIR: plugins });
  const site = await product.ready();

  /** Runs shell lines in the project's folder; only the addresses that they name are others. */
  async function paste(lines: string, receiver = ''): Promise<string> {
    const text = lines
      .replace(/^API=.*$/m, `API=${site.url}`)
      .replace(/^RECEIVER=.*$/m, `RECEIVER=${receiver}`);
    const env = { ...bareEnvironment(home.folder), DATA_DIR: home.dataDir };
    const { stdout } = await promisify(execFile)('bash', ['-c', text], { cwd: ROOT, env, timeout: 30_000 });
    return stdout;
  }

  await t.test('a first batch, from the key to the callback', async () => {
    const session = await readBlock('README.md', 'A first batch', 'sh');
    const printed = await paste(session, `http://127.0.0.1:${await freePort()}`);
    assert.match(printed, /^callback, signed v1,\S+$/m);
    const answers = printed.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
    const [event, ada, alan] = answers;
    assert.deepEqual(
      [event, ada, alan],
      [{ id: 1, races: [{ id: 1, name: '10 km' }] }, { id: 1 }, { id: 2 }],
    );

    const counts = { total: 3, pending: 0, running: 0, succeeded: 2, failed: 1, cancelled: 0 };
    const [failed, all] = answers.filter(({ meta }) => meta);
    const { asyncId, results } = all;
    const [invited, stored, unknown] = results;
    assert.deepEqual(
      invited.response.results.map(({ status }: { status: boolean }) => status),
      [true, true],
    );
    assert.deepEqual(stored.response, { stored: 1, inserted: 1, updated: 0 });
    assert.deepEqual(unknown.response, { errorCode: 404, message: 'There is no event 999' });
    assert.deepEqual(failed.results, [unknown]);
    assert.deepEqual(answers.filter(({ progress }) => progress !== undefined).at(-1), {
      progress: 100,
      asyncId,
      state: 'completed',
      counts,
    });
    // The callback may come before the first answer to progress has been printed.
    const callback = answers.find((answer) => answer.results && !answer.meta);
    assert.deepEqual(callback, { asyncId, state: 'completed', counts, results });
  });

  await t.test('one action alone', async () => {
    const { meta, results } = JSON.parse(await paste(await readBlock('docs/api.md', 'The batch API', 'sh')));
    assert.equal(meta.totalResults, 2);
    assert.equal(results[0].firstName, 'Ada');
  });

  await t.test('a batch of lines, its events and its results as CSV', async () => {
    const printed = await paste(await readBlock('docs/api.md', 'The same as REST', 'sh'));
    const [, finished = ''] = /^event: finished\ndata: (.*)$/m.exec(printed) ?? [];
    const { state, counts } = JSON.parse(finished);
    assert.deepEqual([state, counts.succeeded], ['completed', 2]);
    const [header = '', ...rows] = printed.slice(printed.indexOf('index,')).trim().split('\r\n');
    assert.match(header, /^index,id,namespace,action,request,response,status,/);
    const ids = rows.map((row) => /,"\{""id"":(\d+)\}",succeeded,/.exec(row)?.[1]);
    assert.deepEqual(ids, ['3', '4']);
  });

  await t.test('a key', async () => {
    const { key, permissions } = JSON.parse(
      await paste(await readBlock('docs/api.md', 'Keys and permissions', 'sh')),
    );
    assert.match(key, /^bw_/);
    assert.deepEqual(permissions, ['participants.*', 'event.inviteContacts']);
  });

  await t.test('a signed request', async () => {
    const printed = await paste(await readBlock('docs/api.md', 'Signed requests', 'sh'));
    assert.match(printed, /^\{"progress":\d+,"asyncId":"[0-9a-f]{32}",/);
  });

  await t.test('a receiver that takes signed callbacks and no others', async (t) => {
    const secret = await paste(
      `${await readBlock('docs/callbacks.md', 'Callbacks', 'sh')}\nprintf %s $CALLBACK_SECRET`,
    );
    const port = await freePort();
    const receiver = spawn(
      process.execPath,
      ['--input-type=module', '--eval', await readBlock('docs/callbacks.md', 'Callbacks', 'js')],
      {
        cwd: ROOT,
        env: { CALLBACK_SECRET: secret, PORT: String(port) },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    t.after(() => kill(receiver));
    let printed = '';
    receiver.stdout.on('data', (text: Buffer) => {
      printed += text;
    });
    const callbackUrl = `http://127.0.0.1:${port}/`;
    const post = () => fetch(callbackUrl, { method: 'POST', body: '{}' }).catch(() => null);
    const unsigned = await waitFor(post, { what: 'the receiver' });
    assert.equal(unsigned.status, 400);

    const jobs = [{ namespace: 'demo', action: 'greet', params: { name: 'Ada' } }];
    const { asyncId } = (await site.rpc('run', { jobs, callbackUrl })).body;
    const taken = `${asyncId} completed {`;
    await waitFor(async () => printed.includes(taken), { what: 'the callback' });
  });

  await t.test('a plugin: its action, its test, its table and its routes', async () => {
    assert.equal(
      await paste(await readBlock('docs/plugins.md', 'Writing a plugin', 'sh')),
      '{"greeting":"Hello Ada"}',
    );

    const run = ['--test', 'test/jobs/demo/greet.test.ts'];
    const options = { cwd: plugins, env: bareEnvironment(home.folder) };
    const { stdout } = await promisify(execFile)(process.execPath, run, options);
    assert.match(stdout, /^(ℹ|#) pass 2$/m);

    const headers = { authorization: `Bearer ${site.key}` };
    const greeted = await fetch(`${site.url}/greetings/Ada`, { headers });
    assert.deepEqual(await greeted.json(), { greeting: 'Hello Ada' });
    const body = JSON.stringify(['Ada', 'Alan']);
    const stored = await fetch(`${site.url}/greetings`, { method: 'POST', headers, body });
    assert.equal(stored.status, 202);
    const { asyncId } = (await stored.json()) as { asyncId: string };
    const responses = (await site.results(asyncId)).map(({ response }) => response);
    assert.deepEqual(responses, [{ remembered: 'Ada' }, { remembered: 'Alan' }]);
  });
});

/** The files that the page on plugins shows, each under the path that its first line names. */
async function writePlugins(folder: string): Promise<void> {
  const page = 'docs/plugins.md';
  for (const { code, language } of await readBlocks(page)) {
    if (language !== 'ts' && language !== 'sql') continue;
    const [, path = ''] = /^(?:\/\/|--) (\S+)\n/.exec(code) ?? [];
    await write(join(folder, path), code);
  }
  await write(
    join(folder, 'package.json'),
    await readBlock(page, 'Plugins in a folder of their own', 'json'),
  );
  // What npm install makes of the dependency.
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules/batchwright'));
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Free at this moment: for programs that must be told theirs. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
