/** What the README prints for its readers to run is run here, as it stands there. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { kill } from './database/data-dir.ts';
import { bareEnvironment, makeHome, ROOT } from './main/product.ts';
import { waitFor } from './support/wait.ts';

const readme = await readFile(join(ROOT, 'README.md'), 'utf8');

/** The code blocks of a language that stand under a heading. */
function blocks(heading: string, language: string): string[] {
  const section = readme.split(/^(?=##? )/m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, code = '']) =>
    name === language ? [code] : [],
  );
}

function onlyBlock(heading: string, language: string): string {
  const [block = '', ...others] = blocks(heading, language);
  assert.ok(block && others.length === 0, `one ${language} block under ${heading}`);
  return block;
}

test('what the README prints works as pasted', async (t) => {
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
    const session = onlyBlock('## A first batch', 'sh');
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
    const { meta, results } = JSON.parse(await paste(onlyBlock('## The batch API', 'sh')));
    assert.equal(meta.totalResults, 2);
    assert.equal(results[0].firstName, 'Ada');
  });

  await t.test('a batch of lines, its events and its results as CSV', async () => {
    const printed = await paste(onlyBlock('## The same as REST', 'sh'));
    const [, finished = ''] = /^event: finished\ndata: (.*)$/m.exec(printed) ?? [];
    const { state, counts } = JSON.parse(finished);
    assert.deepEqual([state, counts.succeeded], ['completed', 2]);
    const [header = '', ...rows] = printed.slice(printed.indexOf('index,')).trim().split('\r\n');
    assert.match(header, /^index,id,namespace,action,request,response,status,/);
    const ids = rows.map((row) => /,"\{""id"":(\d+)\}",succeeded,/.exec(row)?.[1]);
    assert.deepEqual(ids, ['3', '4']);
  });

  await t.test('a key', async () => {
    const { key, permissions } = JSON.parse(await paste(onlyBlock('## Keys and permissions', 'sh')));
    assert.match(key, /^bw_/);
    assert.deepEqual(permissions, ['participants.*', 'event.inviteContacts']);
  });

  await t.test('a signed request', async () => {
    const printed = await paste(onlyBlock('## Signed requests', 'sh'));
    assert.match(printed, /^\{"progress":\d+,"asyncId":"[0-9a-f]{32}",/);
  });

  await t.test('a receiver that takes signed callbacks and no others', async (t) => {
    const secret = await paste(`${onlyBlock('## Callbacks', 'sh')}\nprintf %s $CALLBACK_SECRET`);
    const port = await freePort();
    const receiver = spawn(
      process.execPath,
      ['--input-type=module', '--eval', onlyBlock('## Callbacks', 'js')],
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
    assert.equal(await paste(onlyBlock('## Writing a plugin', 'sh')), '{"greeting":"Hello Ada"}');

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

test('the table of variables has those that the configuration reads', async () => {
  const source = await readFile(join(ROOT, 'src/config.ts'), 'utf8');
  const read = [...source.matchAll(/env(?:\.|,\s*')([A-Z_]{3,})/g)].map(([, name]) => name);
  const rows = [...readme.matchAll(/^\| `([A-Z_]{3,})` \|/gm)].map(([, name]) => name);
  assert.deepEqual(rows.sort(), [...new Set(read)].sort());
});

/** The files that the README shows, each under the path that its first line names. */
async function writePlugins(folder: string): Promise<void> {
  const heading = '## Writing a plugin';
  for (const code of [...blocks(heading, 'ts'), ...blocks(heading, 'sql')]) {
    const [, path = ''] = /^(?:\/\/|--) (\S+)\n/.exec(code) ?? [];
    await write(join(folder, path), code);
  }
  await write(join(folder, 'package.json'), onlyBlock(heading, 'json'));
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
