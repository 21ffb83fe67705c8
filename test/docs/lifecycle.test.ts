import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const page = read('docs/lifecycle.md');

/** The states of the section's diagram, without its start and end. */
function drawnStates(section: string): string[] {
  const [, text = ''] = page.split(`\n## ${section}\n`);
  const [, diagram = ''] = /```mermaid\n(.*?)```/s.exec(text) ?? [];
  const states = [...diagram.matchAll(/^ *(\S+) --> ([^:\s]+)/gm)].flatMap(([, from, to]) => [from, to]);
  return [...new Set(states)].filter((state) => state !== undefined && state !== '[*]').sort() as string[];
}

/** The values of a database enum. */
function storedStates(name: string): string[] {
  const [, values = ''] =
    new RegExp(`create type batchwright\\.${name} as enum \\((.*?)\\)`).exec(
      read('src/store/migrations/001_batches.sql'),
    ) ?? [];
  const added = migrations().flatMap((text) => [
    ...text.matchAll(new RegExp(`alter type batchwright\\.${name} add value '(\\w+)'`, 'g')),
  ]);
  return [...values.matchAll(/'(\w+)'/g), ...added].map(([, value]) => value ?? '');
}

function migrations(): string[] {
  const folder = 'src/store/migrations';
  return readdirSync(join(ROOT, folder)).map((file) => read(`${folder}/${file}`));
}

describe('docs/lifecycle.md', () => {
  test('docs/lifecycle.md names functions in the files where they are', () => {
    const named = [...page.matchAll(/`(\w+)` in\s+`(src\/[^`]+)`/g)];
    assert.ok(named.length > 20, `${named.length} functions`);
    for (const [, name = '', path = ''] of named) {
      assert.ok(existsSync(join(ROOT, path)), path);
      assert.match(read(path), new RegExp(`(function\\*? |async )${name}\\b`), `${name} in ${path}`);
    }
  });

  test('docs/lifecycle.md draws exactly the existing states', () => {
    assert.deepEqual(drawnStates('Batch'), storedStates('batch_state').sort());
    assert.deepEqual(drawnStates('Callback'), storedStates('callback_state').sort());
    assert.deepEqual(
      drawnStates('Job'),
      ['waiting', 'pending', 'running', ...storedStates('result_status')].sort(),
    );
  });
});
