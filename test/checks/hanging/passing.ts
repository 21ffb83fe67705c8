import { test } from 'node:test';

test('passes, and leaves nothing behind', () => {});
