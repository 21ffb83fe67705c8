import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchwrightError, catalogue } from '../../src/contract/errors.ts';
import { readSection } from '../docs/pages.ts';

const errors: { errorCode: number; specificCode?: number; message: string }[] = Object.values(catalogue);

test('the table of errors in docs/api.md has exactly the codes of the catalogue', async () => {
  const documented = readTable(await readSection('docs/api.md', 'Errors'));
  const known = errors.flatMap(({ errorCode, specificCode }) =>
    specificCode ? [`${errorCode} ${specificCode}`] : [],
  );
  assert.deepEqual([...new Set(documented.filter((row) => row.includes(' ')))].sort(), known.sort());
  const statuses = new Set(errors.map(({ errorCode }) => String(errorCode)));
  assert.deepEqual(
    documented.filter((row) => !statuses.has(row.split(' ')[0] as string)),
    [],
  );
});

test('a specific code belongs to one error', () => {
  const codes = errors.flatMap(({ specificCode }) => specificCode ?? []);
  assert.equal(new Set(codes).size, codes.length);
});

test('a caller gets the code, the message and the details of an error', () => {
  const error = new BatchwrightError('invalidParams', { details: ['jobs[0].params.a must be string'] });
  assert.deepEqual(error.body, {
    errorCode: 400,
    message: 'The parameters do not validate',
    specificCode: 23016,
    additionalMessages: ['jobs[0].params.a must be string'],
  });
});

test('an error without a specific code or details has no such members', () => {
  const error = new BatchwrightError('notFound', { message: 'There is nothing at /x', details: [] });
  assert.deepEqual(error.body, { errorCode: 404, message: 'There is nothing at /x' });
  assert.equal(error.message, 'There is nothing at /x');
});

/**
 * The rows of section "Errors" as `errorCode specificCode`, one row for each code of a cell that has several
 * (`23016 / 23017`); without a specific code only the errorCode.
 */
function readTable(section: string): string[] {
  const rows = section.split('\n').filter((line) => /^\|.*\| *\d{3} /.test(line));
  assert.ok(rows.length > 0, 'docs/api.md has a section "Errors" with a table');
  return rows.flatMap((row) => {
    const cells = row.split('|').map((cell) => cell.trim());
    const [errorCode = '', specific = ''] = cells.slice(-3);
    const codes = specific.match(/\d{5}/g) ?? [];
    const [status = ''] = /\d{3}/.exec(errorCode) ?? [];
    return codes.length > 0 ? codes.map((code) => `${status} ${code}`) : [status];
  });
}
