import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestName } from '../../src/domain/nearest-name.ts';

const known = ['summary', 'run', 'runMany', 'timeoutSeconds', 'concurrency', 'callbackUrl'];

for (const [name, nearest] of [
  ['sumary', 'summary'],
  ['Summary', 'summary'],
  ['timeout', 'timeoutSeconds'],
  ['concurrencyLimit', 'concurrency'],
  ['callbackURL', 'callbackUrl'],
  ['callback_url', 'callbackUrl'],
  ['runmany', 'runMany'],
  ['rnu', 'run'],
  ['summray', 'summary'],
] as const)
  test(`the nearest name to ${name} is ${nearest}`, () => assert.equal(nearestName(name, known), nearest));

for (const name of ['', 'x', 'description', 'callbackUrl'.repeat(20)])
  test(`no name is near "${name.slice(0, 20)}"`, () => assert.equal(nearestName(name, known), undefined));
