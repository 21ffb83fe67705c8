import { createServer } from 'node:net';
import { test } from 'node:test';

// It is never closed and keeps the process alive after the test.
createServer().listen(0, '127.0.0.1');

test('a passing test leaves a server behind', () => {});
