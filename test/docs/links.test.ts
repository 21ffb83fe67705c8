/** No file of the repository points to a missing file. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, matchesGlob, posix } from 'node:path';
import { describe, test } from 'node:test';
import { headingsOf, isOfRemovedFolder, ROOT, readPage, repositoryFiles } from './pages.ts';

/** Documents that code mentions but that are not part of the repository. */
const OTHERS = new Set(['jobs/README.md', 'jobs/demo/README.md']);

/** GitHub's anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

/** The text without its code blocks and code spans. */
function prose(markdown: string): string {
  return markdown.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');
}

/** The links of a page to files of the repository. */
async function linksOf(page: string): Promise<string[]> {
  const links = prose(await readPage(page)).matchAll(/\]\(([^)\s]+)\)/g);
  return [...links].map(([, link = '']) => link).filter((link) => !/^https?:/.test(link));
}

describe('links in documents', async () => {
  const pages = (await repositoryFiles()).filter((path) => path.endsWith('.md'));
  for (const page of pages)
    test(`every link of ${page} leads to an existing file and heading`, async () => {
      for (const link of await linksOf(page)) {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : posix.join(dirname(page), path);
        if (isOfRemovedFolder(target)) continue;
        assert.ok(existsSync(join(ROOT, target)), `${page}: ${link}`);
        if (anchor === undefined) continue;
        const anchors = (await headingsOf(target)).map(anchorOf);
        assert.ok(anchors.includes(anchor), `${page}: ${link} names no heading of ${target}`);
      }
    });
});

test('every link of a document in the package leads to a file of the package', async () => {
  const { files } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  // npm packs these unasked.
  const patterns = [...files, 'README.md', 'LICENSE', 'package.json'];
  const isPacked = (path: string) =>
    patterns.some((pattern) => matchesGlob(path, pattern) || path.startsWith(`${pattern}/`));
  const pages = (await repositoryFiles()).filter((path) => path.endsWith('.md') && isPacked(path));
  assert.ok(pages.length > 10);
  const dead: string[] = [];
  for (const page of pages)
    for (const link of await linksOf(page)) {
      const [path = ''] = link.split('#');
      const target = path === '' ? page : posix.join(dirname(page), path);
      if (!isPacked(target)) dead.push(`${page}: ${link}`);
    }
  assert.deepEqual(dead, []);
});

test('a document that a file mentions by name is in the repository', async () => {
  const files = await repositoryFiles();
  const documents = files.filter((path) => path.endsWith('.md'));
  const wrong: string[] = [];
  for (const file of files.filter((path) => /\.(ts|mjs|sql|json|jsonc|md)$|^\.ci\//.test(path))) {
    const text = (await readFile(join(ROOT, file), 'utf8')).replace(/https?:\/\/\S+/g, '');
    for (const [mention] of text.matchAll(/(?:\w[\w.-]*\/)*[A-Za-z][\w-]*\.md\b/g)) {
      const isKnown =
        OTHERS.has(mention) ||
        isOfRemovedFolder(mention) ||
        documents.some((path) => path === mention || path.endsWith(`/${mention}`)) ||
        documents.includes(posix.join(dirname(file), mention));
      if (!isKnown) wrong.push(`${file}: ${mention}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('comments cite a page of docs or a public name, and no nickname in capitals', async () => {
  const files = (await repositoryFiles()).filter((path) =>
    /^(src|jobs|schemas|test|bench)\/.*\.(ts|mjs)$/.test(path),
  );
  const wrong: string[] = [];
  for (const file of files) {
    const comments = (await readFile(join(ROOT, file), 'utf8')).matchAll(/^\s*(?:\/\*\*|\*|\/\/) .*$/gm);
    for (const [comment] of comments)
      if (/^\s*(?:\/\*\*|\*|\/\/) [A-Z]{6,}[:,] |[A-Z]{6,}[:,] "/.test(comment))
        wrong.push(`${file}: ${comment.trim()}`);
  }
  assert.deepEqual(wrong, []);
});
