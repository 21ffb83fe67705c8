import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { describe, test } from 'node:test';
import {
  checkUrl,
  ForbiddenAddressError,
  LOOPBACK_ALLOW,
  parseAllowList,
  resolveCheck,
} from '../../src/outbound/address-guard.ts';
import { FORBIDDEN_HOSTS, PUBLIC_HOSTS } from './addresses.ts';
import { stubLookup } from './loopback.ts';

const NONE = parseAllowList('');

function forbidden(message: RegExp | string) {
  return { name: 'ForbiddenAddressError', message };
}

describe('the check of a URL', () => {
  for (const [kind, hosts] of Object.entries(FORBIDDEN_HOSTS)) {
    test(`every ${kind} form is refused, over http and https and on every port`, () => {
      for (const host of hosts) {
        for (const url of [`http://${host}/`, `https://${host}:8443/hook?x=1#y`]) {
          assert.throws(() => checkUrl(url, NONE), ForbiddenAddressError, url);
        }
      }
    });
  }

  test('a refusal names the reason in a few words', () => {
    const said: Record<string, string> = {
      'http://127.0.0.1/': '127.0.0.1 is a loopback address',
      'http://0x7f.1/': '127.0.0.1 is a loopback address',
      'http://localhost/': 'localhost resolves to a loopback address',
      'http://[fd00::1]/': 'fd00::1 is a private address',
      'http://[::ffff:10.0.0.1]/': '::ffff:a00:1 is an IPv4-mapped address',
      'http://169.254.169.254/': '169.254.169.254 is a link-local address',
      'ftp://example.test/': 'only http and https URLs are allowed',
      'http://a:b@example.test/': 'user info in a URL is not allowed',
      'http://example.test:22/': 'port 22 is not allowed: only 80, 443 and those above 1024',
    };
    for (const [url, message] of Object.entries(said)) {
      assert.throws(() => checkUrl(url, NONE), forbidden(message), url);
    }
  });

  test('public addresses and names are allowed', () => {
    for (const host of [...PUBLIC_HOSTS, 'example.test', 'example.test.', 'bücher.test', 'notlocalhost']) {
      for (const url of [`http://${host}/`, `https://${host}/`, `https://${host}:8443/a?b=c`]) {
        assert.equal(checkUrl(url, NONE).href, new URL(url).href);
      }
    }
  });

  test('only http and https are allowed', () => {
    const wrong = ['', 'example.test', '/hook', '//example.test/', '256.0.0.1', 'localhost:3000'];
    const schemes = [
      'ftp',
      'file',
      'ws',
      'gopher',
      'data',
      'javascript',
      'unix',
      'http+unix',
      'dict',
      'ldap',
    ];
    for (const url of [...wrong, ...schemes.map((scheme) => `${scheme}://example.test/`)]) {
      assert.throws(() => checkUrl(url, NONE), forbidden('only http and https URLs are allowed'), url);
    }
  });

  test('a malformed host or port is refused with the reason', () => {
    for (const url of [
      'http://256.0.0.1/',
      'https://1.2.3.4.5/',
      'HTTP://256.1.1.1/',
      'http://[::1',
      'http://[::1]x/',
      'http://[fe80::1%25eth0]/',
      'http://',
      ' https://?a=b',
      'http://exa mple.test/',
      'http://exa%00mple.test/',
      'http://a:65536/',
      'http://a:b/',
    ])
      assert.throws(() => checkUrl(url, NONE), forbidden('the host or port of the URL is not valid'), url);
  });

  test('a host name that DNS cannot have is refused with the reason', () => {
    const label = 'a'.repeat(63);
    const longest = `${label}.${label}.${label}.${'a'.repeat(61)}`;
    const said: Record<string, string> = {
      [`${longest}a`]: 'the host name has more than 253 characters',
      [`${'a.'.repeat(130)}test`]: 'the host name has more than 253 characters',
      [`a${label}.test`]: 'the host name has a label of more than 63 characters',
      [`hook.${'ü'.repeat(60)}.test`]: 'the host name has a label of more than 63 characters',
      'example..test': 'the host name has an empty label',
      '.example.test': 'the host name has an empty label',
      'example.test..': 'the host name has an empty label',
    };
    for (const [host, message] of Object.entries(said))
      assert.throws(() => checkUrl(`http://${host}/`, NONE), forbidden(message), host);
    for (const host of [longest, `${longest}.`, `${label}.test`]) checkUrl(`http://${host}/`, NONE);
  });

  test('user info is refused even where the allow list names the host', () => {
    const allow = parseAllowList('example.test,127.0.0.1');
    const urls = ['http://a@example.test/', 'http://:b@example.test/', 'http://example.com@127.0.0.1/'];
    for (const url of urls) {
      assert.throws(() => checkUrl(url, allow), forbidden('user info in a URL is not allowed'), url);
    }
  });

  test('ports other than 80, 443 and those above 1024 are refused', () => {
    for (const port of [0, 1, 22, 25, 79, 81, 442, 444, 1023, 1024]) {
      assert.throws(
        () => checkUrl(`http://example.test:${port}/`, NONE),
        forbidden(/^port \d+ is not/),
        `${port}`,
      );
    }
    for (const port of [80, 443, 1025, 8080, 65_535]) checkUrl(`http://example.test:${port}/`, NONE);
  });

  test('hosts that the allow list names are allowed, on their port or on all', () => {
    const allow = parseAllowList('crm:22,intern.test,127.0.0.0/8,[::1]:8080,10.0.0.5');
    const allowed = [
      'http://crm:22/',
      'http://intern.test:25/',
      'http://127.0.0.1:22/',
      'http://0177.1:9000/',
      'http://[::1]:8080/',
      'http://10.0.0.5/',
      'http://localhost:9000/',
    ];
    for (const url of allowed) assert.ok(checkUrl(url, allow), url);
    const refused = ['http://crm:23/', 'http://a.intern.test:25/', 'http://[::1]:8081/', 'http://10.0.0.6/'];
    for (const url of refused) assert.throws(() => checkUrl(url, allow), ForbiddenAddressError, url);
    assert.throws(() => checkUrl('http://[::ffff:127.0.0.1]/', allow), ForbiddenAddressError);
  });

  test('the loopback allow list allows this machine and nothing else', () => {
    const allow = parseAllowList(LOOPBACK_ALLOW);
    for (const host of ['localhost', '127.0.0.1', '127.8.8.8', '[::1]'])
      checkUrl(`http://${host}:3000/`, allow);
    for (const host of ['10.0.0.1', '169.254.169.254', '[fd00::1]', '0.0.0.0']) {
      assert.throws(() => checkUrl(`http://${host}:3000/`, allow), ForbiddenAddressError, host);
    }
  });
});

describe('the check of the addresses of a name', () => {
  const url = new URL('http://hook.example.test/');

  test('a name is refused when any of its addresses is', async () => {
    for (const address of Object.values(FORBIDDEN_HOSTS).flat()) {
      const literal = /^(\[.*\]|\d+\.\d+\.\d+\.\d+)$/.test(address)
        ? new URL(`http://${address}`).hostname
        : null;
      if (literal === null) continue;
      const lookup = stubLookup(['8.8.8.8', literal.replace(/[[\]]/g, '')]);
      await assert.rejects(
        resolveCheck(url, NONE, { lookup }),
        forbidden(/^hook\.example\.test resolves to an? .+ address$/),
        address,
      );
    }
  });

  test('a name with public addresses only is allowed', async () => {
    const lookup = stubLookup(['8.8.8.8', '2606:4700::1111']);
    await resolveCheck(url, NONE, { lookup });
    assert.deepEqual(lookup.asked, ['hook.example.test']);
  });

  test('a name that cannot be resolved is accepted', async () => {
    await resolveCheck(url, NONE, { lookup: stubLookup([]) });
  });

  test('a name whose lookup does not end in time is accepted', async () => {
    const never: LookupFunction = () => {};
    await resolveCheck(url, NONE, { lookup: never, timeoutMs: 20 });
  });

  test('a name or an address that the allow list names is allowed', async () => {
    await resolveCheck(url, parseAllowList('hook.example.test'), { lookup: stubLookup(['127.0.0.1']) });
    await resolveCheck(url, parseAllowList('127.0.0.0/8'), { lookup: stubLookup(['127.0.0.1']) });
    await assert.rejects(
      resolveCheck(url, parseAllowList('127.0.0.0/8'), { lookup: stubLookup(['127.0.0.1', '10.0.0.1']) }),
      ForbiddenAddressError,
    );
  });

  test('a literal address is not looked up', async () => {
    const lookup = stubLookup(['127.0.0.1']);
    await resolveCheck(new URL('http://8.8.8.8/'), NONE, { lookup });
    await resolveCheck(new URL('http://[2606:4700::1111]/'), NONE, { lookup });
    assert.deepEqual(lookup.asked, []);
  });
});
