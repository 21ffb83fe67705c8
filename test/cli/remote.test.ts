/** The commands for a server, against one running system. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { recordServer } from '../../src/config/local-server.ts';
import { toBatchId } from '../../src/domain/batch.ts';
import { freePort } from '../e2e/pasting.ts';
import { startReceiver } from '../pipeline/deliver/deliver-receiver.ts';
import { ADMIN_KEY, startSystem } from '../support/system.ts';
import { waitFor } from '../support/wait.ts';
import { type CommandOptions, outcomeOf, runCommand, startCommand } from './command.ts';

const system = await startSystem(
  { after },
  { env: { RATE_LIMIT: '0', SECRET_KEY: 'the-secret-key-of-these-tests-of-commands' } },
);
const folder = await mkdtemp(join(tmpdir(), 'batchwright-cli-'));
after(() => rm(folder, { recursive: true }));

const server = { BATCHWRIGHT_URL: system.url, BATCHWRIGHT_KEY: ADMIN_KEY };
const run = (args: readonly string[], options: CommandOptions = {}) =>
  runCommand(args, { ...options, env: { ...server, ...options.env } });
const BEHAVE = ['--action', 'test.behave'];

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** A batch that has ended: one job has succeeded, one has failed. */
async function mixedBatch(): Promise<string> {
  const job = { namespace: 'test', action: 'behave' };
  const asyncId = await system.run([
    { ...job, params: { n: 1 } },
    { ...job, params: { fatal: 'red \u001b[31m\nalert' } },
  ]);
  await system.ended(asyncId);
  return asyncId;
}

async function openGate(name: string): Promise<void> {
  await system.pool.query('insert into test.gate (name) values ($1)', [name]);
}

suite('submit', { concurrency: 4 }, () => {
  test('submit prints the asyncId of a batch from standard input, and --wait waits for its end', async () => {
    const input = JSON.stringify([{ namespace: 'test', action: 'echo', params: { big: 1 } }]);
    const { code, stdout, stderr } = await run(['submit', '-', '--wait'], { input });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^[0-9a-f]{32}\n$/);
    assert.match(stderr, /^completed 100 %, jobs 1: 1 succeeded$/m);
  });

  test('submit sends large numbers with all their digits, in each format', async () => {
    const big = '12345678901234567890';
    const sources = [
      ['array.json', `[{"big":${big}}]`, true],
      ['batch.json', `{"jobs":[{"namespace":"test","action":"echo","params":{"big":${big}}}]}`, false],
      ['lines.ndjson', `{"big":${big}}\n`, true],
    ] as const;
    for (const [name, content, isParams] of sources) {
      const action = isParams ? ['--action', 'test.echo'] : [];
      const { stdout, stderr } = await run(['submit', await file(name, content), '--wait', ...action]);
      const results = await run(['results', stdout.trim(), '--format', 'ndjson']);
      assert.ok(results.stdout.includes(`"request":{"big":${big}}`), `${name}: ${stderr}${results.stdout}`);
    }
  });

  test('submit gives the batch its options, and list selects by them', async () => {
    const options = ['--name', 'nightly', '--metadata', 'order=17', '--metadata', 'note=a=b'];
    const times = [
      '--start-at',
      '2020-01-31T12:00:00Z',
      '--deadline',
      '60',
      '--stop-after',
      '20%/9',
      '--priority',
      '-7',
      '--concurrency',
      '5',
      '--rate',
      '100/60',
    ];
    const callback = ['--callback-header', 'X-Token: secret: 1', '--callback-on', 'failure', ...times];
    const json = await file('named.json', '[{"n":1}]');
    const lines = await file('named.ndjson', '{"n":1}\n');
    for (const path of [json, lines]) {
      const { stdout, stderr, code } = await run(['submit', path, ...BEHAVE, ...options, ...callback]);
      assert.equal(code, 0, stderr);
      const { body } = await system.request(`/v1/batches/${stdout.trim()}`);
      assert.deepEqual([body.name, body.metadata], ['nightly', { order: '17', note: 'a=b' }]);
      assert.deepEqual(body.stopAfter, { failedPercent: 20, finished: 9 });
      assert.equal(body.startAt, '2020-01-31T12:00:00.000Z');
      assert.equal(body.priority, -7);
      const { rows } = await system.pool.query('select options from batchwright.batch where id = $1', [
        toBatchId(body.asyncId),
      ]);
      const { concurrency, rate } = JSON.parse(rows[0].options);
      assert.deepEqual([concurrency, rate], [5, { limit: 100, perSeconds: 60 }]);
    }
    for (const wrong of [
      ['--concurrency', '0'],
      ['--rate', '20/0'],
      ['--rate', 'fast'],
    ])
      assert.equal((await run(['submit', json, ...BEHAVE, ...wrong])).code, 2, wrong.join(' '));
    const { stdout } = await run([
      'list',
      '--name',
      'nightly',
      '--metadata',
      'order=17',
      '--format',
      'ndjson',
    ]);
    assert.equal(stdout.trim().split('\n').length, 2);
    const own = await file('own.json', '{"jobs":[],"options":{}}');
    const { code, stderr } = await run(['submit', own, '--name', 'x']);
    assert.deepEqual(
      [code, /has options: add to them, and leave out what sets name/.test(stderr)],
      [2, true],
    );
  });

  test('pause and resume change a batch and print it', async () => {
    const { stdout } = await run(['submit', '-', ...BEHAVE], { input: '[{"gate":"of the command line"}]' });
    const paused = await run(['pause', stdout.trim()]);
    assert.match(paused.stdout, /^state +(queued|running), paused$/m);
    const resumed = await run(['resume', stdout.trim(), '--format', 'json']);
    assert.equal(JSON.parse(resumed.stdout).paused, undefined);
    await system.pool.query("insert into test.gate values ('of the command line')");
    assert.equal((await system.ended(stdout.trim())).counts.succeeded, 1);
  });

  test('cancel, pause, resume and restart say so when they change nothing', async () => {
    const { stdout } = await run(['submit', '-', '--wait', ...BEHAVE], { input: '[{}]' });
    for (const [command, note] of [
      ['cancel', 'Nothing was cancelled: the batch has ended.\n'],
      ['pause', 'Nothing has changed: the batch has ended.\n'],
      ['resume', 'Nothing has changed: the batch has ended.\n'],
      ['restart', 'Nothing was restarted: no job that has not succeeded is meant.\n'],
    ] as const) {
      const ended = await run([command, stdout.trim()]);
      assert.deepEqual([ended.code, ended.stderr], [0, note], command);
      assert.match(ended.stdout, /^state +completed$/m);
    }
  });

  test('submit --wait ends with 3 when a job has failed', async () => {
    const { code, stderr } = await run(['submit', '-', '--wait', ...BEHAVE], { input: '[{"fatal":"no"}]' });
    assert.equal(code, 3);
    assert.match(
      stderr,
      /batchwright: completed, jobs 1: 1 failed; npx batchwright results [0-9a-f]{32} shows each\n$/,
    );
  });

  test('submit renames columns of CSV, leaves some out, and gives all rows a value', async () => {
    const path = await file('people.csv', 'Number;Note\n1;a\n');
    const options = ['--map', 'Number=n', '--map', 'Note=', '--set', 'label=x=y', '--wait'];
    const { stdout } = await run(['submit', path, '--action', 'test.echo', ...options]);
    const results = await run(['results', stdout.trim(), '--format', 'ndjson']);
    assert.ok(results.stdout.includes('"request":{"n":1,"label":"x=y"}'), results.stdout);
    const lines = await run(['submit', '-', '--format', 'ndjson', '--set', 'n=1'], { input: '{}' });
    assert.deepEqual(
      [lines.code, lines.stderr.split('\n')[0]],
      [2, 'batchwright: --map and --set go with CSV'],
    );
  });

  test('submit turns rows of CSV into what the schema asks for', async () => {
    const path = await file(
      'rows.csv',
      '\ufeffn;fatal;progress.0;progress.1\r\n1;;1;4\r\n\r\n2;"two\r\nlines";;\r\n',
    );
    const { stdout, stderr, code } = await run(['submit', path, '--wait', ...BEHAVE]);
    assert.equal(code, 3, stderr);
    const results = await system.results(stdout.trim());
    assert.deepEqual(
      results.map(({ request }) => request),
      [
        { n: 1, progress: [1, 4] },
        { n: 2, fatal: 'two\r\nlines' },
      ],
    );
  });

  test('submit names the line of the file whose job is wrong, when it stores and with --dry-run', async () => {
    const csv = await file('wrong.csv', 'n,fatal\n1,"a\nb"\n\nx,\n');
    const lines = await file('wrong.ndjson', '{"n":1}\n\n\n{"n":"x"}\n');
    for (const [path, line] of [
      [csv, 5],
      [lines, 4],
    ] as const)
      for (const more of [[], ['--dry-run']]) {
        const { code, stdout, stderr } = await run(['submit', path, ...BEHAVE, ...more]);
        assert.deepEqual([code, stdout], [1, ''], stderr);
        assert.match(stderr, new RegExp(`^ {2}line ${line}: params\\.n must be integer$`, 'm'));
      }
    const dry = await run(['submit', await file('right.csv', 'n\n1\n'), '--dry-run', ...BEHAVE]);
    assert.deepEqual(dry, {
      code: 0,
      stdout: '',
      stderr: 'The batch is valid. Nothing was stored.\n',
    });
  });

  test('a line that is not JSON cannot add members to its job', async () => {
    const path = await file('members.ndjson', '{"n":1}\n{"n":2},"id":"x"\n');
    const { code, stderr } = await run(['submit', path, ...BEHAVE]);
    assert.equal(code, 1);
    assert.match(stderr, /line 2 of .*members\.ndjson is not valid JSON/);
  });

  test('the same --idempotency-key and batch are stored once', async () => {
    const path = await file('once.json', '[{"n":1}]');
    const args = ['submit', path, ...BEHAVE, '--idempotency-key', 'cli-once'];
    assert.equal((await run(args)).stdout, (await run(args)).stdout);
  });

  test('a file that cannot be read is an error that names it', async () => {
    for (const path of [join(folder, 'none.json'), folder]) {
      const { code, stderr } = await run(['submit', path]);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^batchwright: ${path} cannot be read: E`));
    }
  });

  test('wrong usage of submit ends with 2, before anything is sent', async () => {
    const path = await file('usage.csv', 'n\n1\n');
    for (const args of [
      [path],
      [path, '--format', 'xml'],
      [path, '--action', 'nodot'],
      ['-', '--timeout', '3'],
      ['-', '--idempotency-key', 'import €'],
      ['-', '--idempotency-key', ''],
    ]) {
      const { code, stdout } = await run(['submit', ...args]);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    }
  });

  test('params that are sent without their action are wrong usage that names --action', async () => {
    for (const path of [await file('params.json', '[{"n":1}]'), await file('params.ndjson', '\n{"n":1}\n')]) {
      const { code, stdout, stderr } = await run(['submit', path]);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.match(
        stderr,
        /has no namespace and no action: if these are params, name their action with --action/,
      );
    }
  });

  test('60 MB of lines are sent with a heap of 32 MB', async () => {
    async function* lines() {
      const text = `{"n":1,"fatal":"${'x'.repeat(6_000)}"}\n`;
      for (let piece = 0; piece < 1_000; piece++) yield text.repeat(10);
    }
    const child = startCommand(['submit', '-', '--format', 'ndjson', ...BEHAVE], {
      env: server,
      nodeOptions: ['--max-old-space-size=32'],
    });
    const { code, stdout, stderr } = await outcomeOf(child, lines());
    assert.equal(code, 0, stderr);
    const { body } = await system.request(`/v1/batches/${stdout.trim()}`);
    assert.equal(body.counts.total, 10_000);
    await system.request(`/v1/batches/${stdout.trim()}/cancel`, { method: 'POST' });
  });
});

suite('watch, status, results and list', { concurrency: 4 }, () => {
  test('watch follows a batch on standard error, and prints it when it has ended', async () => {
    const asyncId = await system.run([{ namespace: 'test', action: 'behave', params: { gate: 'watched' } }]);
    const child = startCommand(['watch', asyncId, '--format', 'json'], { env: server });
    const [line] = await once(child.stderr, 'data');
    assert.match(String(line), /^(queued|running) 0 %, jobs 1: 1 \w+\n/);
    await openGate('watched');
    const { code, stdout } = await outcomeOf(child);
    assert.deepEqual([code, JSON.parse(stdout).state], [0, 'completed']);
  });

  test('watch --timeout ends with 5, and Ctrl-C with 130; the batch goes on', async () => {
    const asyncId = await system.run([{ namespace: 'test', action: 'behave', params: { gate: 'left' } }]);
    const late = await run(['watch', asyncId, '--timeout', '0.5']);
    assert.deepEqual([late.code, late.stdout], [5, '']);
    assert.match(late.stderr, /it has not ended within 0\.5 s: the batch goes on/);
    const child = startCommand(['watch', asyncId], { env: server });
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stderr } = await outcomeOf(child);
    assert.equal(code, 130);
    assert.match(stderr, new RegExp(`the batch goes on; npx batchwright watch ${asyncId} follows it`));
    await openGate('left');
    assert.equal((await system.ended(asyncId)).state, 'completed');
  });

  test('an unknown batch is an error in each command', async () => {
    const unknown = '0'.repeat(32);
    for (const command of ['watch', 'status', 'results', 'errors', 'cancel', 'restart', 'repost', 'delete']) {
      const { code, stdout, stderr } = await run([command, unknown]);
      assert.deepEqual([code, stdout], [1, ''], command);
      assert.match(stderr, /^batchwright: .*Could not find batch: "[^"]+"$/m, command);
    }
  });

  test('results are printed as a table, JSON, NDJSON and CSV', async () => {
    const asyncId = await mixedBatch();
    const table = await run(['results', asyncId]);
    assert.deepEqual([table.code, table.stderr], [0, '']);
    const [head = '', first = '', second = ''] = table.stdout.split('\n');
    assert.match(head, /^index {2}id {2}action {7}status {5}attempts {2}finished +response$/);
    assert.match(first, /^0 {10}test\.behave {2}succeeded {2}1 {9}\S+ {2}\{"n":1,"attempt":1\}$/);
    assert.match(second, /^1 .*failed.*red \\u001b\[31m\\u000aalert$/);
    const json = await run(['results', asyncId, '--format', 'json']);
    assert.deepEqual(JSON.parse(json.stdout), await system.results(asyncId));
    const failed = await run(['results', asyncId, '--format', 'ndjson', '--status', 'failed']);
    assert.equal(JSON.parse(failed.stdout).index, 1);
    const csv = await run(['results', asyncId, '--format', 'csv']);
    assert.match(csv.stdout, /^index,id,.*\r\n0,/);
  });

  test('results --out writes a file that is there only when it is complete', async () => {
    const asyncId = await mixedBatch();
    const place = join(folder, 'out');
    await mkdir(place);
    const out = join(place, 'results.ndjson');
    const written = await run(['results', asyncId, '--format', 'ndjson', '--out', out]);
    assert.deepEqual([written.code, written.stdout, written.stderr], [0, '', '']);
    assert.equal((await readFile(out, 'utf8')).split('\n').length, 3);
    const refused = await run(['results', asyncId, '--out', join(place, 'none/results.json')]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /none\/results\.json cannot be written: ENOENT\n$/);
    assert.deepEqual(await readdir(place), ['results.ndjson']);
  });

  test('a reader that has enough ends the command quietly', async () => {
    const asyncId = await system.run(
      Array.from({ length: 3_000 }, () => ({
        namespace: 'test',
        action: 'echo',
        params: { text: 'x'.repeat(200) },
      })),
    );
    await system.ended(asyncId);
    const child = startCommand(['results', asyncId, '--format', 'ndjson'], { env: server });
    child.stdout.once('data', () => child.stdout.destroy());
    let stderr = '';
    child.stderr.on('data', (text: Buffer) => {
      stderr += text;
    });
    const [code] = await once(child, 'close');
    assert.deepEqual([code, stderr], [0, '']);
  });

  test('list shows the newest batches, by state, and how to go on', async () => {
    const older = await mixedBatch();
    const newer = await mixedBatch();
    const page = await run(['list', '--state', 'completed', '--limit', '1', '--format', 'ndjson']);
    assert.match(page.stderr, /^There are more: --after [0-9a-f]{32}, or --all\n$/);
    assert.equal(page.stdout.split('\n').length, 2);
    const all = await run(['list', '--all', '--format', 'csv']);
    assert.match(all.stdout, /^asyncId,state,progress,jobs,not succeeded,created,finished,name\r\n/);
    assert.ok(all.stdout.includes(older) && all.stdout.includes(newer));
    const after = await run(['list', '--after', newer, '--limit', '100']);
    assert.ok(after.stdout.includes(older) && !after.stdout.includes(newer));
  });

  test('repost says why it sends nothing, and nothing when it sends', async () => {
    const without = await system.run([{ namespace: 'test', action: 'echo', params: {} }]);
    const receiver = await startReceiver({ after });
    const early = await system.run([{ namespace: 'test', action: 'behave', params: { gate: 'repost' } }], {
      callbackUrl: receiver.url,
    });
    await system.ended(without);
    const first = await run(['repost', without]);
    assert.deepEqual([first.code, first.stderr], [0, 'Nothing was sent: the batch has no callbackUrl.\n']);
    const second = await run(['repost', early]);
    assert.deepEqual(
      [second.code, second.stderr],
      [0, 'Nothing was sent: the batch has not ended. Its callback comes at its end.\n'],
    );
    await system.pool.query(`insert into test.gate values ('repost')`);
    await system.ended(early);
    await receiver.received(1);
    const third = await run(['repost', early]);
    assert.deepEqual([third.code, third.stderr], [0, '']);
    await receiver.received(2);
  });

  test('restart runs a selection again, and cancel answers with the batch', async () => {
    const asyncId = await mixedBatch();
    const other = await run(['restart', asyncId, '--status', 'cancelled', '--format', 'json']);
    assert.equal(JSON.parse(other.stdout).state, 'completed');
    const again = await run(['restart', asyncId, '--indexes', '1']);
    assert.match(again.stdout, new RegExp(`^asyncId +${asyncId}\n`));
    await system.ended(asyncId);
    assert.equal((await run(['cancel', asyncId])).code, 0);
    const wrong = await run(['restart', asyncId, '--indexes', '3-1']);
    assert.equal(wrong.code, 2);
  });
});

suite('errors, delete, secrets and callbacks', { concurrency: 4 }, () => {
  test('errors counts the failed jobs, and delete removes the batch', async () => {
    const asyncId = await mixedBatch();
    const { stdout } = await run(['errors', asyncId, '--format', 'json']);
    assert.equal(JSON.parse(stdout)[0].count, 1);
    assert.equal((await run(['delete', asyncId])).code, 0);
    assert.equal((await run(['status', asyncId])).code, 1);
  });

  test('secrets rotate prints a new secret, and secrets show both', async () => {
    const before = JSON.parse((await run(['secrets', 'show', '--format', 'json'])).stdout);
    const { stdout } = await run(['secrets', 'rotate', '--format', 'json']);
    assert.notEqual(JSON.parse(stdout).secret, before.secret);
    const after = await run(['secrets', 'show']);
    assert.match(after.stdout, new RegExp(`^replaced +${before.secret.replaceAll('+', '\\+')} until `, 'm'));
  });

  test('callbacks test ends with 1 when a callback would fail, and callbacks list shows attempts', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;
    const tested = await run(['callbacks', 'test', url]);
    assert.equal(tested.code, 1);
    assert.match(tested.stderr, /would fail: connection refused/);
    const asyncId = await system.run([{ namespace: 'test', action: 'echo', params: {} }], {
      callbackUrl: url,
    });
    const attempts = await waitFor(
      async () => {
        const { stdout } = await run(['callbacks', 'list', asyncId, '--format', 'csv']);
        return stdout.includes('completion') && stdout;
      },
      { what: 'the first attempt' },
    );
    assert.match(attempts, /^number,trigger,attempted,status,ms,next,error\r\n1,completion,/);
  });
});

suite('actions and keys', { concurrency: 4 }, () => {
  test('actions lists what can be run, and shows the schema and example of one', async () => {
    const all = await run(['actions']);
    assert.match(all.stdout, /^test\.echo +Answers its params$/m);
    const one = await run(['actions', 'test.behave', '--format', 'json']);
    assert.equal(JSON.parse(one.stdout).params.properties.n.type, 'integer');
    assert.equal((await run(['actions', 'test.none'])).code, 1);
  });

  test('a key can be made, listed and revoked; a refused one ends the command with 4', async () => {
    const made = await run(['keys', 'create', 'cli', '--permission', 'test.echo', '--format', 'json']);
    const { id, key } = JSON.parse(made.stdout);
    const listed = (await run(['keys', 'list'])).stdout;
    assert.ok(listed.includes(id));
    assert.match(listed, /^id .* last used +expires\n/);
    const keyFile = await file('key', `${key}\n`);
    const forbidden = await run(['submit', '-', '--key-file', keyFile, ...BEHAVE], { input: '[{}]' });
    assert.equal(forbidden.code, 4);
    assert.match(forbidden.stderr, /^batchwright: the key from .*key may not do this: /);
    assert.equal((await run(['keys', 'revoke', id])).code, 0);
    const refused = await waitFor(
      async () => {
        const outcome = await run(['list', '--key-file', keyFile]);
        return outcome.code !== 0 && outcome;
      },
      { what: 'the end of the key' },
    );
    assert.equal(refused.code, 4);
    assert.ok(!refused.stderr.includes(key));
  });
});

suite('the server and its key', { concurrency: 4 }, () => {
  test('a server that is gone is an error that says what to set', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, stderr } = await run(['list', '--url', url]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`ECONNREFUSED.*The server is ${url}, from --url: is it running there\\?`),
    );
  });

  test('a server on DATA_DIR is found by itself, with its admin key', async () => {
    const DATA_DIR = await mkdtemp(join(folder, 'data-'));
    const remove = recordServer(DATA_DIR, system.url);
    await writeFile(join(DATA_DIR, 'admin-key'), ADMIN_KEY);
    const { code, stderr } = await runCommand(['list'], { env: { DATA_DIR } });
    assert.equal(code, 0, stderr);
    const { port } = new URL(system.url);
    const named = await runCommand(['list', '--url', `http://localhost:${port}`], { env: { DATA_DIR } });
    assert.equal(named.code, 0, named.stderr);
    remove();
    assert.deepEqual(await readdir(DATA_DIR), ['admin-key']);
    const gone = await runCommand(['list'], { env: { DATA_DIR } });
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /no server runs on DATA_DIR .*: start one/);
  });

  test('the record of a server that has ended is ignored', async () => {
    const DATA_DIR = await mkdtemp(join(folder, 'stale-'));
    const ended = spawn('true');
    await once(ended, 'exit');
    const record = { url: system.url, pid: ended.pid, began: null };
    await writeFile(join(DATA_DIR, 'server.json'), JSON.stringify(record));
    await writeFile(join(DATA_DIR, 'admin-key'), ADMIN_KEY);
    assert.match((await runCommand(['list'], { env: { DATA_DIR } })).stderr, /no server runs/);
    // Another process has its number now.
    await writeFile(
      join(DATA_DIR, 'server.json'),
      JSON.stringify({ ...record, pid: process.pid, began: '1' }),
    );
    assert.match((await runCommand(['list'], { env: { DATA_DIR } })).stderr, /no server runs/);
  });

  test('the admin key of this machine is not sent to another server', async () => {
    const DATA_DIR = await mkdtemp(join(folder, 'other-'));
    const remove = recordServer(DATA_DIR, `http://127.0.0.1:${await freePort()}`);
    await writeFile(join(DATA_DIR, 'admin-key'), ADMIN_KEY);
    for (const env of [{ DATA_DIR }, { DATA_DIR, ADMIN_KEY }]) {
      const { code, stderr } = await runCommand(['list', '--url', system.url], { env });
      assert.equal(code, 4);
      assert.match(stderr, /there is no key for .*: set BATCHWRIGHT_KEY, or give --key-file FILE/);
    }
    remove();
  });

  test('a wrong address and an unreadable key file are errors that name the option', async () => {
    assert.equal((await run(['list', '--url', 'ftp://example.com'])).code, 2);
    const { code, stderr } = await run(['list', '--key-file', join(folder, 'no-key')]);
    assert.equal(code, 1);
    assert.match(stderr, /^batchwright: --key-file .*no-key cannot be read: ENOENT/);
  });
});
