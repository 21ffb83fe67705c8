/** Runs the examples of the pages on plugins and on scaling exactly as printed. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { type Block, readBlock, readBlocks } from '../docs/pages.ts';
import { bareEnvironment, ROOT } from '../main/product.ts';
import { startReceiver } from '../pipeline/deliver/deliver-receiver.ts';
import { withClient } from '../support/server.ts';
import { startPasting } from './pasting.ts';

test('the examples of the pages on plugins and on scaling work as pasted', {
  timeout: 300_000,
}, async (t) => {
  const { home, site, headers, paste, get } = await startPasting(t, async (folder) => {
    await writePlugins(join(folder, 'plugins'));
    return { PLUGIN_DIR: join(folder, 'plugins'), HTTP_ALLOW: '127.0.0.1' };
  });
  const plugins = join(home.folder, 'plugins');

  await t.test('the example of a plugin works: its action, its test, its table and its routes', async () => {
    assert.equal(
      await paste(await readBlock('docs/plugins.md', 'An action', 'sh')),
      '{"greeting":"Hello Ada"}',
    );

    const inFolder = { cwd: plugins, env: bareEnvironment(home.folder) };
    const { stdout } = await promisify(execFile)('npm', ['test'], inFolder);
    assert.match(stdout, /^(ℹ|#) pass 2$/m);
    await promisify(execFile)('npm', ['run', 'check'], inFolder);

    const greeted = await fetch(`${site.url}/greetings/Ada`, { headers });
    assert.deepEqual(await greeted.json(), { greeting: 'Hello Ada' });
    const greetAll = (body: string) => fetch(`${site.url}/greetings`, { method: 'POST', headers, body });
    for (const wrong of ['not json', '{}', '']) assert.equal((await greetAll(wrong)).status, 400);
    const stored = await greetAll(JSON.stringify(['Ada', 'Alan']));
    assert.equal(stored.status, 202);
    const { asyncId } = (await stored.json()) as { asyncId: string };
    await site.results(asyncId);
    const batch = await get(`/greetings/batches/${asyncId}`);
    assert.deepEqual(
      [batch.state, ...batch.results.map(({ response }: { response: object }) => response)],
      ['completed', { remembered: 'Ada' }, { remembered: 'Alan' }],
    );
    const unknown = await fetch(`${site.url}/greetings/batches/${'0'.repeat(32)}`, { headers });
    assert.equal(unknown.status, 404);
  });

  await t.test(
    'the example of another API works: its key, its errors, its rows and its callback',
    async () => {
      const made = await fetch(`${site.url}/v1/keys`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ name: 'guests', permissions: ['guests.save-many'] }),
      });
      const { key } = (await made.json()) as { key: string };
      const receiver = await startReceiver(t);
      const send = async (body: object, guestKey = key) => {
        const answer = await fetch(`${site.url}/guest-api/2.0/guests`, {
          method: 'POST',
          headers: { 'x-guest-key': guestKey },
          body: JSON.stringify(body),
        });
        return { status: answer.status, body: (await answer.json()) as { import?: string } };
      };
      const sent = await send({ guests: [{ guest: 'Grace' }, { guest: 'Edsger' }], reportTo: receiver.url });
      assert.equal(sent.status, 202);
      const [callback] = await receiver.received(1);
      assert.deepEqual(JSON.parse(callback?.body ?? ''), { import: sent.body.import, saved: 2, lost: [] });
      assert.deepEqual(await send({ guests: [{ guest: 'Ada' }, { guest: 5 }] }), {
        status: 422,
        body: { error: { code: 422, text: 'row 2: guest must be string' } },
      });
      assert.deepEqual(await send({ guests: [] }, 'wrong'), {
        status: 401,
        body: { error: { code: 401, text: 'Missing or wrong API key' } },
      });
    },
  );

  await t.test('the example of a call to another API works', async () => {
    const called = JSON.parse(await paste(await readBlock('docs/plugins.md', 'Calling other APIs', 'sh')));
    assert.deepEqual([called.status, called.body], [200, '{"status":"ok"}']);
  });

  await t.test('the measurement of docs/scaling.md works with fewer jobs', async () => {
    const [start, script] = await blocksIn('docs/scaling.md', ['sh']);
    assert.match(start?.code ?? '', / PLUGIN_DIR=\$PWD\/bench npm start$/m);
    const measured = await paste(
      (script?.code ?? '')
        .replace('http://127.0.0.1:3000', site.url)
        .replace('the-key-of-this-measurement', site.key)
        .replaceAll('100000', '1000')
        .replace('median(21', 'median(3'),
    );
    assert.match(measured, /^one job \d+ ms\n100,000 jobs \d+ ms\nbatches of 10: \d+ a second\n$/);
  });

  await t.test('the settings of autovacuum are accepted', async () => {
    const statements = await readBlock('docs/scaling.md', 'One Postgres', 'sql');
    const password = await readFile(join(home.dataDir, 'postgres-password'), 'utf8');
    const [, , , port] = (await readFile(join(home.dataDir, 'postgres/postmaster.pid'), 'utf8')).split('\n');
    const url = `postgres://batchwright:${password.trim()}@127.0.0.1:${port}/batchwright`;
    await withClient(url, (client) => client.query(statements));
  });
});

/** The files that the page on plugins shows, each under the path in its first line; and bench's echo. */
async function writePlugins(folder: string): Promise<void> {
  const page = 'docs/plugins.md';
  for (const { code } of await blocksIn(page, ['ts', 'sql'])) {
    const [, path = ''] = /^(?:\/\/|--) (\S+)\n/.exec(code) ?? [];
    await write(join(folder, path), code);
  }
  const [packageJson, tsconfig] = await blocksIn(page, ['json']);
  await write(join(folder, 'package.json'), packageJson?.code ?? '');
  await write(join(folder, 'tsconfig.json'), tsconfig?.code ?? '');
  for (const path of ['jobs/bench/echo.ts', 'schemas/bench/echo.ts']) {
    const code = await readFile(join(ROOT, 'bench', path), 'utf8');
    await write(
      join(folder, path),
      code.replace(/'\.\.[^']*\/src\/plugin\/index\.ts'/, "'batchwright/plugin'"),
    );
  }
  // The result of npm install for the dependency.
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules/batchwright'));
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

async function blocksIn(page: string, languages: readonly string[]): Promise<Block[]> {
  return (await readBlocks(page)).filter(({ language }) => languages.includes(language));
}
