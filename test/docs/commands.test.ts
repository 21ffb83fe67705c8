/** The commands in documents exist, and can be pasted into any shell. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, readBlocks, readPage, repositoryFiles } from './pages.ts';

const pages = (await repositoryFiles()).filter((path) => path.endsWith('.md'));

test('every npm script that a document names is in package.json', async () => {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  for (const page of pages) {
    const text = await readPage(page);
    const named = [...text.matchAll(/\bnpm (?:run ([\w:]+)|(start|test)\b)/g)].map(
      ([, run, own]) => run ?? own,
    );
    for (const name of named) assert.ok(name && name in scripts, `${page}: npm run ${name}`);
  }
});

test('every test file that CONTRIBUTING.md runs exists', async () => {
  const files = await repositoryFiles();
  const text = await readPage('CONTRIBUTING.md');
  const named = [...text.matchAll(/(?<=[ (])test\/[\w/-]+\.test\.ts/g)].map(([path]) => path);
  assert.ok(named.length > 1);
  for (const path of named) assert.ok(files.includes(path), path);
});

test('shell blocks contain no comments, which zsh would run as commands', async () => {
  const blocks = (await Promise.all(pages.map(readBlocks))).flat();
  const shell = blocks.filter(({ language, code }) => language === 'sh' || /^(npm|npx) /m.test(code));
  assert.ok(shell.length > 10);
  for (const { page, code } of shell)
    assert.doesNotMatch(withoutQuoted(code), /(^|\s)#/m, `${page}:\n${code}`);
});

function withoutQuoted(code: string): string {
  return code.replace(/'[^']*'|"(?:\\.|[^"\\])*"/gs, '""');
}
