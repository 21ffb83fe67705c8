/** Parses the documents for tests: their sections, code blocks and tables. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, posix, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface Block {
  page: string;
  /** The text of the nearest heading above, of any level. */
  heading: string;
  language: string;
  code: string;
}

const NOT_OURS = /(^|\/)(node_modules|\.git|\.data|\.packing|dist)(\/|$)/;

/** The files of the repository, by path. */
export async function repositoryFiles(folder = '.'): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(ROOT, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    if (NOT_OURS.test(path)) continue;
    if (entry.isDirectory()) found.push(...(await repositoryFiles(path)));
    else if (entry.isFile()) found.push(path);
  }
  return found.sort();
}

/** True for a file of a plugin's folder that was removed as a whole, as its owner may do: documents still mention it. */
export function isOfRemovedFolder(path: string): boolean {
  const [, folder] = /^(jobs\/\w+)\//.exec(path) ?? [];
  return folder !== undefined && !existsSync(join(ROOT, folder));
}

export async function readPage(page: string): Promise<string> {
  return await readFile(join(ROOT, page), 'utf8');
}

/** Every code block of a page, in order. */
export async function readBlocks(page: string): Promise<Block[]> {
  const found: Block[] = [];
  let heading = '';
  let open: { language: string; lines: string[] } | null = null;
  for (const line of (await readPage(page)).split('\n')) {
    const [, language] = /^```(\w*)$/.exec(line) ?? [];
    if (open && language === '') {
      found.push({ page, heading, language: open.language, code: open.lines.join('') });
      open = null;
    } else if (open) open.lines.push(`${line}\n`);
    else if (language !== undefined) open = { language, lines: [] };
    else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
  }
  if (open) throw new Error(`${page}: the last code block is not closed`);
  return found;
}

/** The one block of a language directly below a heading. */
export async function readBlock(page: string, heading: string, language: string): Promise<string> {
  const found = (await readBlocks(page)).filter(
    (block) => block.heading === heading && block.language === language,
  );
  const [block, ...others] = found;
  if (!block || others.length > 0) {
    throw new Error(`${page}: ${found.length} blocks of ${language} below "${heading}" instead of one`);
  }
  return block.code;
}

/** The texts of a page's headings, of every level. */
export async function headingsOf(page: string): Promise<string[]> {
  const text = (await readPage(page)).replace(/^```.*?^```$/gms, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading.replaceAll('`', ''));
}

/** The section below a heading, up to the next heading of its level or a higher one. */
export async function readSection(page: string, heading: string): Promise<string> {
  const lines = (await readPage(page)).split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (start < 0) throw new Error(`${page} has no heading "${heading}"`);
  const level = lines[start]?.indexOf(' ') ?? 0;
  const length = lines.slice(start + 1).findIndex((line) => new RegExp(`^#{1,${level}} `).test(line));
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n');
}
