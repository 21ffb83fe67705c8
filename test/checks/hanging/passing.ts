import { test } from 'node:test';

test('a passing test leaves nothing behind', () => {});
