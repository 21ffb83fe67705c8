/** The package as its users have it: packed, installed in an empty folder, with a project for actions of their own. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { readBlock, repositoryFiles } from '../docs/pages.ts';
import { bareEnvironment, makeHome, NOBODY, ROOT } from '../main/product.ts';
import { waitFor } from '../support/wait.ts';
import { freePort } from './pasting.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

/** The environment of a user's shell, with npm's settings of this machine. */
function userEnvironment(folder: string): Record<string, string> {
  const settings = Object.entries(process.env).filter(([name]) => /^npm_config_/i.test(name));
  return {
    ...bareEnvironment(folder),
    HOME: homedir(),
    npm_config_cache: join(homedir(), '.npm'),
    ...(Object.fromEntries(settings) as Record<string, string>),
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    PLUGIN_DIR: '',
  };
}

/** A copy of the repository that npm may pack, because other tests run in the repository itself. */
async function copyRepository(folder: string): Promise<string> {
  const copy = join(folder, 'batchwright');
  for (const path of await repositoryFiles()) {
    await mkdir(dirname(join(copy, path)), { recursive: true });
    await cp(join(ROOT, path), join(copy, path));
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

suite('the package', () => {
  test('what npm packs has no problems, installs, and runs a project of actions', {
    timeout: 600_000,
  }, async (t) => {
    const home = await makeHome(t, isRoot ? NOBODY : undefined);
    const copy = await copyRepository(home.folder);
    const project = join(home.folder, 'my-actions');
    const env = userEnvironment(home.folder);
    const bash = (lines: string, cwd = project) => run('bash', ['-ec', lines], { cwd, env });
    const manifest = await readFile(join(copy, 'package.json'), 'utf8');

    await t.test('the first steps for a newcomer are those of README', async () => {
      const own = await readBlock('docs/getting-started.md', '1. Make a project', 'sh');
      const lines = (await readBlock('README.md', 'As a package', 'sh')).split('\n');
      for (const line of own.split('\n').filter((text) => /install|init/.test(text)))
        assert.ok(lines.includes(line), line);
      assert.equal(await readBlock('docs/getting-started.md', '2. Start the server', 'sh'), 'npm start\n');
    });

    await t.test('the block of README packs it, installs it, and makes a project', async () => {
      const lines = await readBlock('README.md', 'As a package', 'sh');
      assert.match(lines, /\nnpm start\n?$/);
      const { stderr } = await bash(lines.replace(/\nnpm start\n?$/, '\n'), copy);
      assert.match(stderr, /^completed package\.json\ncreated tsconfig\.json\n/m);
      assert.match(stderr, /^created jobs\/hello\/greet\.ts\n/m);
    });
    const tarball = join(home.folder, 'batchwright-0.1.0.tgz');

    await t.test('packing leaves the clone as it was', async () => {
      assert.equal(await readFile(join(copy, 'package.json'), 'utf8'), manifest);
      assert.equal(existsSync(join(copy, '.packing')), false);
    });

    await t.test('publint and attw find no problem', async () => {
      await run('node_modules/.bin/publint', ['run', tarball, '--strict'], { cwd: ROOT, env });
      await run('node_modules/.bin/attw', ['--profile', 'esm-only', tarball], { cwd: ROOT, env });
    });

    await t.test('npm publish corrects nothing, and ships neither sources nor tests', async () => {
      const { stderr } = await run('npm', ['publish', '--dry-run'], { cwd: copy, env });
      const warnings = stderr.split('\n').filter((line) => line.startsWith('npm warn'));
      assert.deepEqual(
        warnings.filter((line) => !line.includes('logged in')),
        [],
      );
      const { stdout } = await run('tar', ['-tzf', tarball]);
      const paths = stdout
        .trimEnd()
        .split('\n')
        .map((path) => path.replace('package/', ''));
      for (const needed of [
        'LICENSE',
        'dist/src/store/migrations/001_batches.sql',
        'dist/src/dashboard/built/main.js',
        'bench/RESULTS.md',
        'jobs/os1/README.md',
      ])
        assert.ok(paths.includes(needed), needed);
      assert.deepEqual(
        paths.filter((path) => /^(src|test|bench|jobs|schemas)\/.*(?<!\.md)$/.test(path)),
        [],
      );
      assert.deepEqual(
        // The documents show the examples as they are written.
        paths.filter(
          (path) => path.endsWith('.ts') && !path.endsWith('.d.ts') && !path.startsWith('examples/'),
        ),
        [],
      );
    });

    await t.test('the page on plugins adds an action; tests and types are right at once', async () => {
      await bash(await readBlock('docs/plugins.md', 'A project of its own', 'sh'));
      await writeFile(
        join(project, 'send.ts'),
        await readBlock('docs/plugins.md', 'A project of its own', 'ts'),
      );
      await bash('npx tsc --noEmit');
      const { stdout } = await bash('npm test');
      assert.match(stdout, /^(ℹ|#) pass 4$/m);
    });

    await t.test('the declarations refuse wrong names and params', async () => {
      const right = await readFile(join(project, 'send.ts'), 'utf8');
      for (const [given, wrong] of [
        ["'demo.greet'", "'demo.gret'"],
        ["{ name: 'Ada' }", '{ name: 5 }'],
        ["action: 'greet'", "action: 'store'"],
        ["{ name: 'Alan' }", "{ nam: 'Alan' }"],
      ] as const) {
        await writeFile(join(project, 'send.ts'), right.replace(given, wrong));
        await assert.rejects(bash('npx tsc --noEmit'), ({ stdout }: { stdout: string }) => {
          assert.match(stdout, /^send\.ts\(\d+,\d+\): error /, wrong);
          return true;
        });
      }
      await writeFile(join(project, 'send.ts'), right);
    });

    await t.test('init and new keep what exists', async () => {
      await writeFile(join(project, 'README.md'), 'mine\n');
      const before = await readFile(join(project, 'package.json'), 'utf8');
      const { stderr } = await bash('npx batchwright init --no-install');
      assert.match(stderr, /^kept README\.md$/m);
      assert.equal(await readFile(join(project, 'README.md'), 'utf8'), 'mine\n');
      assert.equal(await readFile(join(project, 'package.json'), 'utf8'), before);
      await assert.rejects(bash('npx batchwright new demo.greet'), {
        code: 2,
        stderr: 'batchwright: schemas/demo/greet.ts exists already: nothing was written\n',
      });
    });

    await t.test('a program starts it with createBatchwright, and ends by itself', async () => {
      await writeFile(
        join(project, 'server.mjs'),
        await readBlock('docs/embedding.md', 'Inside a program of yours', 'js'),
      );
      const { stdout, stderr } = await bash('node_modules/.bin/node server.mjs');
      assert.deepEqual([stdout, stderr], ["{ greeting: 'Hello Ada' }\n", '']);
      const { stdout: processes } = await run('ps', ['-axww', '-o', 'args=']);
      assert.doesNotMatch(processes, new RegExp(`${project}/\\.data`));
    });

    await t.test('npm start of the project, by an ordinary user, runs its actions', async () => {
      if (isRoot) await ownAll(project);
      const started = home.start({ PLUGIN_DIR: '' }, project);
      const site = await started.ready();
      const { stdout } = await run('node_modules/.bin/node', ['send.ts'], {
        cwd: project,
        env: { ...env, API: site.url, KEY: site.key },
      });
      assert.equal(stdout, 'Hello Ada 1\n');
      await followGettingStarted(project, {
        ...env,
        DATA_DIR: home.dataDir,
        BATCHWRIGHT_URL: site.url,
        BATCHWRIGHT_KEY: site.key,
      });
      for (const path of [
        '/docs',
        '/docs/assets/swagger-ui-bundle.js',
        '/docs/errors/not-found',
        '/dashboard',
      ]) {
        const page = await fetch(`${site.url}${path}`);
        assert.equal(page.status, 200, path);
        await page.arrayBuffer();
      }
      const { paths } = (await (await fetch(`${site.url}/openapi.json`)).json()) as { paths: object };
      for (const path of ['/v1/batches', '/api/1.0/hello', '/v1/participant_imports'])
        assert.ok(Object.hasOwn(paths, path), path);
      started.signalAll('SIGTERM');
      assert.deepEqual(await started.exited, { code: 0, signal: null });
      assert.deepEqual(await home.processes(), []);
    });
  });

  for (const how of ['SIGKILL', 'SIGINT'] as const)
    test(`npm pack that is ended by ${how} leaves the clone as it was`, { timeout: 120_000 }, async (t) => {
      const home = await makeHome(t);
      const copy = await copyRepository(home.folder);
      const path = join(copy, 'package.json');
      const manifest = await readFile(path, 'utf8');
      const npm = spawn('npm', ['pack'], {
        cwd: copy,
        env: userEnvironment(home.folder),
        stdio: 'ignore',
        detached: true,
      });
      const ended = once(npm, 'exit');
      await waitFor(async () => (await readFile(path, 'utf8')) !== manifest, {
        what: 'the manifest of the package',
      });
      // A terminal's Ctrl-C reaches the whole group.
      process.kill(-(npm.pid as number), how);
      await ended;
      await waitFor(async () => (await readFile(path, 'utf8')) === manifest, {
        what: 'the manifest of the clone',
      });
      await waitFor(async () => !existsSync(join(copy, '.packing')), { what: 'the end of the guard' });
    });
});

/** Runs the steps of docs/getting-started.md that need the running server, exactly as printed but for its address. */
async function followGettingStarted(project: string, env: Record<string, string>): Promise<void> {
  const page = 'docs/getting-started.md';
  const callbackUrl = `http://127.0.0.1:${await freePort()}`;
  const own = (text: string) =>
    text
      .replace(/^export BATCHWRIGHT_URL=.*$/m, '')
      .replaceAll('http://127.0.0.1:4000', callbackUrl)
      .replace('--port 4000', `--port ${new URL(callbackUrl).port}`);
  const paste = async (heading: string) => {
    const { stdout } = await run('bash', ['-ec', own(await readBlock(page, heading, 'sh'))], {
      cwd: project,
      env,
    });
    return stdout;
  };
  const batchId = '[0-9a-f]{32}';
  assert.match(await paste('3. Run a first job'), /hello\.greet +succeeded +1 .*\{"greeting":"Hello Ada"\}/);

  const [batch, program] = [
    '4. Run 10,000 jobs, and receive the callback',
    '5. The same from a program',
  ] as const;
  const printed = await paste(batch);
  const callback = JSON.parse(await readFile(join(project, 'callback.json'), 'utf8'));
  assert.deepEqual([callback.state, callback.results.length], ['completed', 10_000]);
  assert.match(printed, new RegExp(`^asyncId +${batchId}$`, 'm'));
  assert.match(printed, /^10001 results\.csv$/m);

  await writeFile(join(project, 'greet-all.mjs'), await readBlock(page, program, 'js'));
  assert.match(await paste(program), /^100 %\n10000 of 10000 succeeded\nHello Runner 1\n$/m);

  const looked = await paste('6. Look at it');
  assert.match(looked, new RegExp(`^${batchId} `, 'm'));
  assert.match(
    looked,
    /^batchwright_jobs_finished_total\{action="hello\.greet",status="succeeded"\} 2000\d$/m,
  );
  assert.match(await paste('7. Write your own action'), /^(ℹ|#) pass \d+$/m);
  assert.match(
    await paste('8. Replace the secret of the callbacks'),
    /^secret +whsec_\S+\nreplaced +whsec_/m,
  );
}

/** Makes a folder an ordinary user's, as if that user had installed it. */
async function ownAll(folder: string): Promise<void> {
  await run('chown', ['-R', `${NOBODY.uid}:${NOBODY.gid}`, folder]);
}
