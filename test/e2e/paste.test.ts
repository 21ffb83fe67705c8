/** Runs the examples of the documents exactly as printed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { readBlock } from '../docs/pages.ts';
import { kill } from '../embedded/data-dir.ts';
import { ROOT } from '../main/product.ts';
import { waitFor } from '../support/wait.ts';
import { assertShown, freePort, startPasting } from './pasting.ts';

test('the examples of README.md and the pages on the API and on callbacks work as pasted', {
  timeout: 300_000,
}, async (t) => {
  const { home, site, headers, paste, get } = await startPasting(t);

  await t.test('the example of a first batch works, from the key to the callback', async () => {
    const session = await readBlock('README.md', 'A first batch', 'sh');
    const printed = await paste(session, `http://127.0.0.1:${await freePort()}`);
    assert.match(printed, /callback, signed v1,\S+$/m);
    // The receiver may print between an answer and its line end: it runs beside curl.
    const lines = printed.replaceAll(/\}(?=\{"|callback, signed)/g, '}\n').split('\n');
    const answers = lines.flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
    const [event, ada, alan] = answers;
    assert.deepEqual(
      [event, ada, alan],
      [{ success: true, id: 1, code: event.code, races: [{ id: 1, name: '10 km' }] }, { id: 1 }, { id: 2 }],
    );

    const counts = {
      total: 3,
      pending: 0,
      waiting: 0,
      running: 0,
      succeeded: 2,
      failed: 1,
      cancelled: 0,
      skipped: 0,
    };
    const [failed, all] = answers.filter(({ meta }) => meta);
    const { asyncId, results } = all;
    const [invited, stored, unknown] = results;
    assert.deepEqual(
      invited.response.results.map(({ status }: { status: boolean }) => status),
      [true, true],
    );
    assert.deepEqual(stored.response, { stored: 1, inserted: 1, updated: 0 });
    assert.deepEqual(unknown.response, {
      errorCode: 404,
      message: 'There is no event 999',
      specificCode: 24097,
    });
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

  await t.test('the example answers have the documented form', async () => {
    const { data } = await get('/v1/batches?limit=1');
    const [batch] = data;
    // The delivery is recorded after the receiver has answered.
    await waitFor(async () => (await get(`/v1/batches/${batch.asyncId}`)).callback.state === 'delivered', {
      what: 'the delivery',
    });
    await assertShown('docs/api.md', 'The same as REST', await get(`/v1/batches/${batch.asyncId}`));
    const results = await get(`/v1/batches/${batch.asyncId}/results?status=failed`);
    await assertShown('docs/api.md', 'The batch API', results.data[0]);

    const jobs = [{ namespace: 'contact', action: 'nope', params: {} }];
    const refused = await fetch(`${site.url}/v1/batches`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ jobs }),
    });
    await assertShown('docs/api.md', 'Problem details', await refused.json());

    const ping = { namespace: 'test', action: 'ping', params: {} };
    const callbackUrl = `http://127.0.0.1:${await freePort()}/`;
    const { asyncId } = (await site.rpc('run', { jobs: [ping], callbackUrl })).body;
    const attempt = await waitFor(async () => (await get(`/v1/batches/${asyncId}/callbacks`)).data[0], {
      what: 'an attempt',
    });
    await assertShown('docs/callbacks.md', 'The log of attempts', attempt);
  });

  await t.test('the example of calling a single action works', async () => {
    const { meta, results } = JSON.parse(
      await paste(await readBlock('docs/api.md', 'One action alone', 'sh')),
    );
    assert.equal(meta.totalResults, 2);
    assert.equal(results[0].firstName, 'Ada');
  });

  await t.test('the example of a batch of lines works, with its events and its results as CSV', async () => {
    const printed = await paste(await readBlock('docs/api.md', 'The same as REST', 'sh'));
    const [, finished = ''] = /^event: finished\ndata: (.*)$/m.exec(printed) ?? [];
    const { state, counts } = JSON.parse(finished);
    assert.deepEqual([state, counts.succeeded], ['completed', 2]);
    const [header = '', ...rows] = printed.slice(printed.indexOf('index,')).trim().split('\r\n');
    assert.match(header, /^index,id,namespace,action,request,response,status,/);
    const ids = rows.map((row) => /,"\{""id"":(\d+)\}",succeeded,/.exec(row)?.[1]);
    assert.deepEqual(ids, ['3', '4']);
  });

  await t.test('the example of a CSV file is checked, and then stored', async () => {
    const [checked = '', stored = ''] = (
      await paste(await readBlock('docs/api.md', 'Jobs as CSV', 'sh'))
    ).split('\n');
    assert.deepEqual(JSON.parse(checked), { valid: true, total: 2, invalid: 0 });
    const { asyncId } = JSON.parse(stored);
    const ended = await waitFor(
      async () => {
        const batch = await get(`/v1/batches/${asyncId}`);
        return batch.state === 'completed' && batch;
      },
      { what: 'the end of the batch' },
    );
    assert.equal(ended.counts.succeeded, 2);
  });

  await t.test('a key', async () => {
    const { key, permissions } = JSON.parse(
      await paste(await readBlock('docs/api.md', 'Keys and permissions', 'sh')),
    );
    assert.match(key, /^bw_/);
    assert.deepEqual(permissions, ['participants.*', 'event.inviteContacts']);
  });

  await t.test('the example of a signed request works', async () => {
    const printed = await paste(await readBlock('docs/api.md', 'Signed requests', 'sh'));
    assert.match(printed, /^\{"progress":\d+,"asyncId":"[0-9a-f]{32}",/);
  });

  await t.test('the example receiver accepts only signed callbacks', async (t) => {
    const secret = await paste(
      `${await readBlock('docs/callbacks.md', 'The signature', 'sh')}\nprintf %s $CALLBACK_SECRET`,
    );
    const port = await freePort();
    const receiver = spawn(
      process.execPath,
      ['--input-type=module', '--eval', await readBlock('docs/callbacks.md', 'The signature', 'js')],
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

    const jobs = [{ namespace: 'test', action: 'ping', params: {} }];
    const { asyncId } = (await site.rpc('run', { jobs, callbackUrl })).body;
    const taken = `${asyncId} completed {`;
    await waitFor(async () => printed.includes(taken), { what: 'the callback' });
  });

  await t.test('the measurement by hand works with fewer jobs', async () => {
    const folder = home.folder;
    const lines = (await readBlock('docs/performance.md', 'By hand', 'sh'))
      .replaceAll('100000', '1000')
      .replaceAll('/tmp/', `${folder}/`);
    await paste(lines);
  });
});
