import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainStartFailure, StartError } from '../../src/domain/start-error.ts';

test('an error that an operator can fix is reported in one line', () => {
  assert.equal(explainStartFailure(new StartError('a\n  b\nc'), {}), 'a b c');
  assert.equal(explainStartFailure(new Error('a\nb'), {}), 'a b');
  assert.equal(explainStartFailure('thrown', {}), 'thrown');
});

test('a failure to listen names the responsible variable', () => {
  const listen = (code: string) => failure(`listen ${code}`, { code, syscall: 'listen' });
  assert.equal(
    explainStartFailure(listen('EADDRINUSE'), {}),
    'PORT=3000 is taken: stop what uses it or set another PORT',
  );
  assert.equal(
    explainStartFailure(listen('EACCES'), { PORT: '80' }),
    'PORT=80 is not allowed to this user: set a PORT above 1023',
  );
  const unknown = failure('getaddrinfo ENOTFOUND nowhere', { syscall: 'getaddrinfo', hostname: 'nowhere' });
  assert.equal(
    explainStartFailure(unknown, { HOST: 'nowhere' }),
    'HOST=nowhere is not an address of this machine: getaddrinfo ENOTFOUND nowhere',
  );
});

test('a failure to reach the database names DATABASE_URL and not its password', () => {
  const env = { DATABASE_URL: 'postgres://me:secret@db/jobs' };
  const unknown = failure('getaddrinfo ENOTFOUND db', { syscall: 'getaddrinfo', hostname: 'db' });
  assert.equal(explainStartFailure(unknown, env), 'DATABASE_URL cannot be used: getaddrinfo ENOTFOUND db');
  // Node's error for a name with two addresses has no message of its own.
  const refused = new AggregateError([failure('connect ECONNREFUSED ::1:5432', { syscall: 'connect' })]);
  assert.equal(
    explainStartFailure(refused, env),
    'DATABASE_URL cannot be used: connect ECONNREFUSED ::1:5432',
  );
  const answer = failure('password authentication failed for user "me"', { severity: 'FATAL' });
  assert.equal(
    explainStartFailure(answer, env),
    'DATABASE_URL cannot be used: password authentication failed for user "me"',
  );
});

test('an unusable file names DATA_DIR', () => {
  const denied = failure("EACCES: permission denied, mkdir '/x'", { code: 'EACCES', path: '/x' });
  assert.equal(
    explainStartFailure(denied, { DATA_DIR: '/x' }),
    "DATA_DIR=/x cannot be used: EACCES: permission denied, mkdir '/x'",
  );
});

test('a bug of the program is reported with its stack', () => {
  assert.match(explainStartFailure(new TypeError('x is not a function'), {}), /x is not a function\n +at /);
});

function failure(message: string, fields: object): Error {
  return Object.assign(new Error(message), fields);
}
