/** Commands that need this machine: listen, doctor, completion. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { createProgram } from '../../src/cli/program.ts';
import { FILES, suggestions } from '../../src/cli/suggestions.ts';
import { newCallbackSecret, Signature } from '../../src/outbound/signature.ts';
import { makeSigningKey } from '../support/signed.ts';
import { ADMIN_KEY, startSystem } from '../support/system.ts';
import { beginCommand, outcomeOf, runCommand, startCommand } from './command.ts';

const SECRET_KEY = 'the-secret-key-of-the-local-commands';
const system = await startSystem({ after }, { env: { SECRET_KEY } });
const folder = await mkdtemp(join(tmpdir(), 'batchwright-local-'));
after(() => rm(folder, { recursive: true }));
const server = { BATCHWRIGHT_URL: system.url, BATCHWRIGHT_KEY: ADMIN_KEY };

/** `batchwright listen`, when it listens. */
async function listener(args: readonly string[], env: Record<string, string> = {}) {
  const { stderr, outcome } = beginCommand(['listen', '--port', '0', ...args], { env });
  const [line] = await once(stderr, 'data');
  const [url = ''] = /http:\/\/127\.0\.0\.1:\d+\//.exec(String(line)) ?? [];
  return { url, outcome };
}

function signed(secret: string, body: string, timestamp = Math.floor(Date.now() / 1000)) {
  const signature = new Signature([secret], 'msg_1', timestamp).update(Buffer.from(body)).header();
  return {
    method: 'POST',
    body,
    headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': `${timestamp}`, 'webhook-signature': signature },
  };
}

suite('listen', { concurrency: 4 }, () => {
  test('listen prints the callback of a batch, whose secret it asks the server for', async () => {
    const { url, outcome } = await listener(['--count', '1'], server);
    const asyncId = await system.run([{ namespace: 'test', action: 'echo', params: {} }], {
      callbackUrl: url,
    });
    const { code, stdout, stderr } = await outcome;
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).asyncId, asyncId);
    assert.match(stderr, /^POST \/, [\d,]+ bytes, webhook-id \S+: the signature holds$/m);
  });

  test('listen prints and counts genuine callbacks only; of others it says why, safely, and answers 401', async () => {
    const secret = newCallbackSecret();
    const { url, outcome } = await listener(['--count', '2', '--secret', secret]);
    const right = signed(secret, '{"a":1}');
    const requests = [
      right,
      { method: 'GET' },
      { ...right, body: '\x1b]0;title\x07' },
      { ...right, body: '{"a":2}' },
      { ...right, headers: {} },
      signed(secret, '{"a":1}', 1_700_000_000),
      signed(secret, '{"a":3}'),
    ];
    const statuses: number[] = [];
    for (const request of requests) statuses.push((await fetch(url, request)).status);
    assert.deepEqual(statuses, [204, 401, 401, 401, 401, 401, 204]);
    const { code, stdout, stderr } = await outcome;
    assert.deepEqual([code, stdout], [0, '{"a":1}\n{"a":3}\n']);
    assert.doesNotMatch(stderr, /[^\P{Cc}\n]/u);
    assert.match(stderr, /does not hold: another secret has signed, or the body has been changed$/m);
    assert.match(stderr, /does not hold: the header webhook-id is missing$/m);
    assert.match(stderr, /does not hold: it is \d+ s old$/m);
  });

  test('Ctrl-C ends listen with the code of the signal', async () => {
    const child = startCommand(['listen', '--port', '0', '--secret', newCallbackSecret()]);
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { code, stderr } = await outcomeOf(child);
    assert.equal(code, 130, stderr);
  });

  test('a taken port and a wrong secret are errors', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const busy = await runCommand(['listen', '--port', `${port}`, '--secret', newCallbackSecret()]);
    assert.deepEqual(
      [busy.code, busy.stderr],
      [1, `batchwright: port ${port} is taken: give another --port\n`],
    );
    assert.equal((await runCommand(['listen', '--secret', 'whsec_short'])).code, 2);
  });
});

suite('doctor', { concurrency: 4 }, () => {
  /** The state and text of each check. */
  async function examine(args: readonly string[], env: Record<string, string>) {
    const { code, stdout, stderr } = await runCommand(['doctor', '--format', 'json', ...args], { env });
    assert.ok(code === 0 || code === 1, stderr);
    const findings: { check: string; state: string; text: string }[] = JSON.parse(stdout);
    return { code, of: (check: string) => findings.find((finding) => finding.check === check) };
  }

  test('with a database and a server all is well', async () => {
    const env = { ...server, DATABASE_URL: system.databaseUrl, ADMIN_KEY, DATA_DIR: folder };
    const { code, of } = await examine([], env);
    for (const check of ['database', 'migrations', 'queue', 'clock of the database', 'server', 'key', 'disk'])
      assert.equal(of(check)?.state, 'ok', JSON.stringify(of(check)));
    assert.match(of('database')?.text ?? '', /^DATABASE_URL: Postgres \d+/);
    assert.equal(code, 0);
  });

  test('without a server nothing is wrong: the first start makes all', async () => {
    const { code, of } = await examine([], { DATA_DIR: join(folder, 'none') });
    assert.deepEqual([code, of('server')?.state, of('database')?.state], [0, 'note', 'note']);
    assert.match(of('data directory')?.text ?? '', /is not there yet/);
  });

  test('what is wrong is named with what to do', async () => {
    const gone = 'postgres://nobody@127.0.0.1:1/none';
    const database = await examine([], { DATABASE_URL: gone, DATA_DIR: folder });
    assert.deepEqual([database.code, database.of('database')?.state], [1, 'wrong']);
    assert.match(
      database.of('database')?.text ?? '',
      /^DATABASE_URL cannot be used: .*ECONNREFUSED.*: start Postgres there/,
    );
    const refused = await examine([], { ...server, BATCHWRIGHT_KEY: 'another-key-of-20-characters' });
    assert.equal(refused.of('key')?.state, 'wrong');
    const variable = await examine([], { PORT: 'x' });
    assert.match(variable.of('variables')?.text ?? '', /^PORT=x is not allowed/);
  });

  test('a SECRET_KEY that does not read what is stored is wrong, and the old key beside it is right', async () => {
    const env = { ...server, DATABASE_URL: system.databaseUrl, ADMIN_KEY, DATA_DIR: folder };
    assert.equal((await examine([], env)).of('SECRET_KEY')?.state, 'note');
    await makeSigningKey(system);
    const other = 'another-secret-key-of-32-characters';
    for (const given of [{}, { SECRET_KEY: other }]) {
      const { code, of } = await examine([], { ...env, ...given });
      assert.deepEqual([code, of('SECRET_KEY')?.state], [1, 'wrong']);
      assert.match(
        of('SECRET_KEY')?.text ?? '',
        /^1 secret of a signing key and 0 .* cannot be read with it: set it to /,
      );
    }
    const both = await examine([], { ...env, SECRET_KEY: `${other},${SECRET_KEY}` });
    assert.deepEqual([both.code, both.of('SECRET_KEY')?.state], [0, 'ok'], both.of('SECRET_KEY')?.text);
  });

  test('a callback address is checked by the rules of the server', async () => {
    const inside = await examine(['--callback', 'http://10.0.0.1/'], { DATA_DIR: folder });
    assert.deepEqual([inside.code, inside.of('callbacks')?.state], [1, 'wrong']);
    const loopback = await examine(['--callback', 'http://127.0.0.1:4000/'], { DATA_DIR: folder });
    assert.equal(loopback.of('callbacks')?.state, 'ok');
  });

  test('what a killed server left is noted', async () => {
    const DATA_DIR = await mkdtemp(join(folder, 'left-'));
    await writeFile(join(DATA_DIR, 'server.json'), '{"url":"http://127.0.0.1:1","pid":999999999}');
    await writeFile(join(DATA_DIR, 'admin-key'), ADMIN_KEY, { mode: 0o644 });
    const { of } = await examine([], { DATA_DIR });
    assert.match(of('stale files')?.text ?? '', /^server\.json in /);
    assert.match(of('admin key')?.text ?? '', /can be read by other users: chmod 600/);
  });
});

suite('completion', { concurrency: 4 }, async () => {
  const has = (shell: string) =>
    promisify(execFile)(shell, ['-c', 'exit']).then(
      () => true,
      () => false,
    );

  /** What bash suggests for each line, after it has sourced the script as printed. */
  async function suggestedByBash(lines: readonly string[]): Promise<string[][]> {
    const { stdout: script } = await outcomeOf(startCommand(['completion', 'bash']));
    const asked = lines.map((line) => {
      const words = line.split(' ');
      return `COMP_LINE='${line}'; COMP_POINT=${line.length}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_batchwright_completion; echo "\${COMPREPLY[@]}"`;
    });
    const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', [script, ...asked].join('\n')], {
      env: { PATH: process.env.PATH },
    });
    return stdout
      .split('\n')
      .slice(0, lines.length)
      .map((names) => names.split(' ').filter(Boolean));
  }

  test('bash completes what the program suggests, and files where it suggests none', async () => {
    assert.deepEqual(await suggestedByBash(['batchwright re', 'batchwright submit ']), [
      ['results', 'resume', 'restart', 'repost'],
      [],
    ]);
  });

  test('commands, options and their values are suggested', () => {
    const program = createProgram(process);
    const suggested = (words: readonly string[], last: string) => {
      const found = suggestions(program, words, last);
      return found === FILES ? FILES : found.map(({ name }) => name);
    };
    assert.deepEqual(suggested(['keys'], ''), ['admin', 'create', 'list', 'revoke']);
    assert.deepEqual(suggested(['results', 'x'], '--fo'), ['--format']);
    assert.deepEqual(suggested(['results', 'x', '--format'], ''), ['table', 'json', 'ndjson', 'csv']);
    assert.deepEqual(suggested(['completion'], ''), ['bash', 'zsh', 'fish']);
    assert.equal(suggested(['submit'], ''), FILES);
  });

  for (const shell of ['zsh', 'fish']) {
    const isThere = await has(shell);
    test(`${shell} accepts its script`, { skip: !isThere && `${shell} is not installed` }, async () => {
      const { stdout } = await runCommand(['completion', shell]);
      await promisify(execFile)(shell, ['-c', stdout]);
    });
  }
});
