import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { beginsOrEndsTransaction, mayChangeSession } from '../../src/postgres/statement-kind.ts';

describe('texts that begin or end a transaction are recognised', () => {
  for (const text of [
    'begin',
    'BEGIN;',
    ' \n;begin isolation level serializable',
    'start transaction read only',
    'start\ttransaction',
    'commit',
    'COMMIT AND CHAIN',
    'end',
    'abort',
    'rollback',
    'rollback work',
    'rollback transaction',
    "prepare transaction 'one'",
    "commit prepared 'one'",
    "rollback prepared 'one'",
    '/* not yet */ commit',
    '-- not yet\ncommit',
    'select 1; commit; select 2',
    "select 'it''s'; commit",
    "select e'\\'; '; commit",
    'select "odd; name"; rollback',
    'do $$ begin null; end $$; commit',
    'do $body$ begin null; end $body$; commit',
    '(select 1);commit',
  ])
    test(JSON.stringify(text), () => assert.equal(beginsOrEndsTransaction(text), true));
});

describe('texts that neither begin nor end a transaction are recognised', () => {
  for (const text of [
    '',
    'select 1',
    'savepoint one',
    'rollback to one',
    'rollback work to savepoint one',
    'rollback transaction to one',
    'release savepoint one',
    'prepare plan as select 1',
    "select case when true then 'begin' else 'commit' end",
    "insert into log (text) values ('; commit;')",
    'select 1 -- ; commit',
    'select 1 /* ; commit; */',
    'select "commit; rollback"',
    'do $$ begin perform 1; end $$',
    'create function f() returns int language sql begin atomic select 1; end',
    'select $1; select e$2',
    "select e'; commit; \\''",
    'begins',
  ])
    test(JSON.stringify(text), () => assert.equal(beginsOrEndsTransaction(text), false));
});

describe('texts that may leave something on their session are recognised', () => {
  for (const text of [
    "set work_mem = '1MB'",
    'reset all',
    'set role other',
    'listen channel',
    'create temp table t ()',
    'select * into temporary t from a',
    "select set_config('a.b', 'c', false)",
    'select pg_advisory_lock(1)',
    'with locked as (select pg_try_advisory_lock_shared(1)) select * from locked',
    'declare c cursor with hold for select 1',
    'prepare plan as select 1',
    'do $$ begin perform 1; end $$',
    'call work.do()',
    'select work.touch(1)',
    'select "work"."touch" (1)',
    "select 1; set search_path = 'a'",
    '/* set */ set a.b = 1',
  ])
    test(JSON.stringify(text), () => assert.equal(mayChangeSession(text), true));
});

describe('texts that leave nothing on their session are recognised', () => {
  for (const text of [
    'select now(), count(*) from work.entry where name = $1',
    'insert into work.entry (name, at) values ($1, now()) on conflict do nothing',
    'INSERT INTO work.entry(name) select unnest($1::text[])',
    "update work.entry set name = 'set search_path = a; listen b'",
    'with gone as (delete from a.b returning id) insert into c.d (id) select id from gone',
    'delete from work.entry where id in (select id from work.gate)',
    "select 'pg_advisory_lock(1)'",
    'merge into work.entry using work.gate on true when matched then delete',
    'select 1; select 2;',
    '',
  ])
    test(JSON.stringify(text), () => assert.equal(mayChangeSession(text), false));
});

test('long texts are read in linear time, even with unclosed quotes or comments', () => {
  // In quadratic time they would take hours, and the test would end at its time limit.
  for (const opening of ["'", '"', '/*', '$$', '$a$', "e'\\", '--', "''", '(', ';'])
    for (const text of [opening.repeat(200_000), `${opening}${'x'.repeat(1_000_000)}`]) {
      beginsOrEndsTransaction(`commit ${text}`);
      mayChangeSession(`select ${text}`);
    }
});
