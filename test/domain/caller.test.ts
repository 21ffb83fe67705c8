import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Caller, covers, isAdmin, mayRun } from '../../src/domain/caller.ts';

/** A key's pattern, a permission that it covers, and one that it does not. */
const patterns: [pattern: string, covered: string[], others: string[]][] = [
  [
    'participants.storeMultiple',
    ['participants.storeMultiple'],
    [
      'participants.store',
      'participants.storeMultipleTimes',
      'participants.*',
      '*',
      'admin',
      'Participants.storeMultiple',
    ],
  ],
  [
    'participants.*',
    ['participants.*', 'participants.storeMultiple', 'participants.remove'],
    ['participants', 'participants2.remove', 'other.participants.x', 'other.remove', '*', 'admin'],
  ],
  ['*', ['*', 'participants.*', 'participants.storeMultiple'], ['admin']],
  ['admin', ['admin'], ['*', 'admin.*', 'admin.reset', 'participants.storeMultiple']],
];

for (const [pattern, covered, others] of patterns) {
  for (const other of covered) test(`${pattern} covers ${other}`, () => assert.ok(covers(pattern, other)));
  for (const other of others)
    test(`${pattern} does not cover ${other}`, () => assert.ok(!covers(pattern, other)));
}

test('a caller may run actions that any of its patterns covers', () => {
  const one = caller('event.addOrUpdateEvent', 'contact.*');
  assert.ok(mayRun(one, 'contact.remove') && mayRun(one, 'event.addOrUpdateEvent'));
  assert.ok(!mayRun(one, 'event.inviteContacts'));
  assert.ok(!mayRun(caller(), 'contact.remove'));
});

test('only the permission admin makes an administrator, and it alone runs no action', () => {
  assert.ok(isAdmin(caller('admin')) && isAdmin(caller('*', 'admin')));
  assert.ok(!isAdmin(caller('*')));
  assert.ok(!mayRun(caller('admin'), 'contact.remove'));
});

function caller(...permissions: string[]): Caller {
  return { tenant: 'acme', keyId: 'k', permissions };
}
