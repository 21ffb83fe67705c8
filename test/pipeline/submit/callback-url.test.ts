import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllowList } from '../../../src/outbound/address-guard.ts';
import { createCallbackUrlCheck } from '../../../src/pipeline/submit/callback-url.ts';
import { stubLookup } from '../../outbound/loopback.ts';

test('callbackUrl checks that wait for dead names do not delay other tenants, nor their own beyond its share', async () => {
  const never: (() => void)[] = [];
  const inside = stubLookup(['127.0.0.1']);
  const check = createCallbackUrlCheck(parseAllowList(''), (host, options, callback) => {
    if (host.startsWith('dead')) never.push(() => callback(null, []));
    else inside(host, options, callback);
  });
  let ended = 0;
  const dead = Array.from({ length: 32 }, (_, n) =>
    check(`http://dead${n}.example.test/`, 'a').then(() => ended++),
  );
  assert.equal(never.length, 32);
  // Accepted without a look-up: the check at the connection decides.
  assert.equal(await check('http://dead.example.test/', 'a'), 'http://dead.example.test/');
  assert.equal(never.length, 32);
  // The checks of the URL itself still apply.
  await assert.rejects(check('http://127.0.0.1/', 'a'), { message: /is a loopback address$/ });
  await assert.rejects(check('http://inside.example.test/', 'b'), {
    message: 'callbackUrl is not allowed: inside.example.test resolves to a loopback address',
  });
  assert.equal(ended, 0, 'the others were still waiting');
  await Promise.all(dead);
});
