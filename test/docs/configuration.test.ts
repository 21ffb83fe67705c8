import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Variable, variables } from '../../src/config/variables.ts';
import { readPage } from './pages.ts';
import { withVariablesTable } from './variables-table.ts';

test('the table of variables in docs/configuration.md is the one that `npm run docs` writes', async () => {
  const page = await readPage('docs/configuration.md');
  assert.equal(page, withVariablesTable(page));
});

test('every variable has a default that the table can show', () => {
  const all = Object.values<Variable>(variables);
  const without = all.filter(
    ({ default: text, shownDefault }) => !shownDefault && (typeof text !== 'string' || text === ''),
  );
  assert.deepEqual(without, []);
});
