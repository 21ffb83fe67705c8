import assert from 'node:assert/strict';
import { test } from 'node:test';
import { participant } from '../../schemas/lib/participant.ts';
import { readSection } from './pages.ts';

test('the participant table in docs/systems.md has the fields of the schema, and marks the required ones', async () => {
  const section = await readSection('docs/systems.md', 'Tracx Connect');
  const rows = [...section.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| (yes|no) \|/gm)];
  const shown = rows.flatMap(([, names = '', required]) =>
    [...names.matchAll(/\w+/g)].map(([name]) => [name, required === 'yes'] as const),
  );
  const required: readonly string[] = participant.required;
  const known = Object.keys(participant.properties).map((name) => [name, required.includes(name)] as const);
  assert.deepEqual(shown.sort(), known.sort());
});
