import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, readPage } from './pages.ts';

test('the table of variables in docs/configuration.md has exactly the variables that the configuration reads', async () => {
  const source = await readFile(join(ROOT, 'src/config/config.ts'), 'utf8');
  const read = [...source.matchAll(/env(?:\.|,\s*')([A-Z_]{3,})/g)].map(([, name]) => name);
  const table = await readPage('docs/configuration.md');
  const rows = [...table.matchAll(/^\| `([A-Z_]{3,})` \|/gm)].map(([, name]) => name);
  assert.deepEqual(rows.sort(), [...new Set(read)].sort());
});
