import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };
import { NODE_FLAGS } from '../../src/config/node-flags.ts';
import { ROOT } from '../main/product.ts';
import { runCommand } from './command.ts';

/** The project itself, installed and started, is in test/e2e/package.test.ts. */
suite('the commands that write a project', () => {
  test('new refuses names that the start would refuse, and writes nothing', async (t) => {
    const cwd = await enterFolder(t);
    for (const [name, message] of [
      ['greet', 'greet is not the name of an action: it is namespace.action, such as demo.greet'],
      ['a.b.c', 'a.b.c is not the name of an action: it is namespace.action, such as demo.greet'],
      ['public.greet', 'the namespace "public" is reserved'],
      ['1st.greet', /^batchwright: the namespace "1st" is not allowed: it must be letters, digits and _/],
      ['demo.greet-all', /^batchwright: "greet-all" is not a valid name of an action: it must be letters/],
      ['Contact.greet', 'the namespace "Contact" is one of the included ones: choose another name'],
    ] as const) {
      const { code, stderr } = await runCommand(['new', name]);
      assert.equal(code, 2, name);
      if (typeof message === 'string') assert.equal(stderr, `batchwright: ${message}\n`);
      else assert.match(stderr, message);
    }
    assert.deepEqual(await readdir(cwd), []);
  });

  test('new refuses an action that differs from another one only in case', async (t) => {
    const cwd = await enterFolder(t);
    assert.equal((await runCommand(['new', 'demo.greetAll'])).code, 0);
    const { code, stderr } = await runCommand(['new', 'demo.greetall']);
    assert.equal(code, 2);
    assert.equal(stderr, 'batchwright: schemas/demo/greetAll.ts exists already: nothing was written\n');
    assert.deepEqual(await readdir(join(cwd, 'jobs/demo')), ['greetAll.ts']);
  });

  test('init ends with one line where no folder can be made', { skip: !existsSync('/proc') }, async (t) => {
    await enterFolder(t);
    const { code, stderr } = await runCommand(['init', '/proc/none/project']);
    assert.equal(code, 1);
    assert.match(stderr, /^batchwright: \/proc\/none\/project cannot be made: ENOENT: .*\n$/);
  });

  test('init completes the package.json of npm init, and names the clone', async (t) => {
    const cwd = await enterFolder(t);
    const found = {
      name: 'mine',
      type: 'module',
      scripts: { test: 'echo "Error: no test specified" && exit 1', check: 'mine' },
    };
    await writeFile(join(cwd, 'package.json'), JSON.stringify(found));
    const { code, stderr } = await runCommand(['init', '--no-install']);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^completed package\.json\n.*\nNext: npm install && npm test && npm start\n$/s);
    const made = JSON.parse(await readFile(join(cwd, 'package.json'), 'utf8'));
    assert.equal(made.name, 'mine');
    assert.equal(made.scripts.check, 'mine');
    assert.match(made.scripts.test, /node --test/);
    assert.deepEqual(made.imports, { '#schemas/*': './schemas/*' });
    const again = await runCommand(['init', '--no-install']);
    assert.match(again.stderr, /^kept package\.json\n/);
    assert.equal(
      await realpath(join(cwd, made.dependencies.batchwright.replace('file:', ''))),
      await realpath(ROOT),
    );
  });

  test('init says what to run where scripts and the import of schemas are kept', async (t) => {
    const cwd = await enterFolder(t);
    const found = { scripts: { start: 'mine', test: 'mine' }, imports: { '#schemas/*': './lib/*' } };
    await writeFile(join(cwd, 'package.json'), JSON.stringify(found));
    const { stderr } = await runCommand(['init', '--no-install']);
    assert.match(stderr, /^kept your own scripts start, test$/m);
    assert.match(stderr, /^kept your own import #schemas\/\*, which is "\.\/lib\/\*": /m);
    const next = "Next: npm install && npx node --test 'test/**/*.test.ts' && npx batchwright start\n";
    assert.ok(stderr.endsWith(next), stderr);
  });

  test('new says when the folder is no project yet', async (t) => {
    await enterFolder(t);
    const hint = /This folder is no project yet, .*: npx batchwright init makes it one\n$/;
    assert.match((await runCommand(['new', 'demo.first'])).stderr, hint);
    await runCommand(['init', '--no-install']);
    assert.doesNotMatch((await runCommand(['new', 'demo.second'])).stderr, hint);
  });

  test('init refuses what cannot be a project, and changes nothing', async (t) => {
    const cwd = await enterFolder(t);
    const file = join(cwd, 'package.json');
    for (const [text, message] of [
      ['{"type":"commonjs"}', /package\.json has "type": "commonjs", and actions are ES modules/],
      ['{', /package\.json is not JSON: /],
    ] as const) {
      await writeFile(file, text);
      const { code, stderr } = await runCommand(['init', '--no-install']);
      assert.equal(code, 2);
      assert.match(stderr, message);
      assert.equal(await readFile(file, 'utf8'), text);
    }
    assert.match((await runCommand(['init', file])).stderr, /package\.json is a file: init needs a folder/);
    assert.match((await runCommand(['init', ROOT])).stderr, /this is Batchwright's own folder/);
    assert.deepEqual(await readdir(cwd), ['package.json']);
  });
});

test('batchwright start and npm start run Node with the same flags', () => {
  assert.ok(packageJson.scripts.start.includes(` node ${NODE_FLAGS.join(' ')} src/main.ts`));
});

/** A new folder, in which this process stands until the test ends. */
async function enterFolder(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-project-'));
  const before = process.cwd();
  process.chdir(folder);
  t.after(async () => {
    process.chdir(before);
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}
