import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesAddress, namesHost, parseAllowList } from '../../src/outbound/allow-list.ts';

test('an empty allow list allows nothing', () => {
  for (const text of ['', ' ', ',', ' , ']) {
    const allow = parseAllowList(text);
    assert.equal(namesHost(allow, 'example.test', 80), false);
    assert.equal(namesAddress(allow, '127.0.0.1', 80), false);
  }
});

test('a host is matched exactly, apart from case and a dot at the end', () => {
  const allow = parseAllowList(' Example.TEST ,crm, bücher.test, a_b.test.');
  for (const host of ['example.test', 'EXAMPLE.test.', 'crm', 'xn--bcher-kva.test', 'a_b.test']) {
    assert.equal(namesHost(allow, host, 81), true, host);
  }
  for (const host of ['a.example.test', 'example.test.evil.test', 'xexample.test', 'test', '']) {
    assert.equal(namesHost(allow, host, 81), false, host);
  }
});

test('an entry with a port allows only that port', () => {
  const allow = parseAllowList('example.test:8080,10.0.0.5:22,[fd00::5]:9000');
  assert.equal(namesHost(allow, 'example.test', 8080), true);
  assert.equal(namesHost(allow, 'example.test', 8081), false);
  assert.equal(namesAddress(allow, '10.0.0.5', 22), true);
  assert.equal(namesAddress(allow, '10.0.0.5', 80), false);
  assert.equal(namesAddress(allow, 'fd00::5', 9000), true);
  assert.equal(namesAddress(allow, 'fd00::5', 80), false);
});

test('addresses and CIDRs match addresses of their own family in every notation', () => {
  const allow = parseAllowList('127.0.0.1,10.1.0.0/16,::1,[fe80::1],fd00::/8');
  for (const address of ['127.0.0.1', '10.1.255.3', '::1', '0:0:0:0:0:0:0:1', 'fe80::1', 'fdff::9']) {
    assert.equal(namesAddress(allow, address, 80), true, address);
  }
  for (const address of [
    '127.0.0.2',
    '10.2.0.0',
    '::2',
    '::ffff:127.0.0.1',
    '::7f00:1',
    'fe80::2',
    'fc00::1',
  ]) {
    assert.equal(namesAddress(allow, address, 80), false, address);
  }
});

test('a wrong entry is refused in one line that names it', () => {
  const wrong = [
    'http://example.test',
    '*.example.test',
    '*',
    'example.test/24',
    'example.test:0',
    'example.test:65536',
    'example.test:http',
    'user@example.test',
    'exa mple.test',
    '10/8',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/8:80',
    '256.1.1.1',
    '2130706433',
    '0x7f.1',
    '127.1',
    '[127.0.0.1]',
    '[::1',
    '::1]',
    '[::1]:0',
    '[::1]x',
    'fd00::/129',
    'fd00::x',
    ':80',
    '-',
    '.',
    'example..test',
    'example.test..',
    '.example.test',
    `${'a'.repeat(64)}.test`,
    `${'a.'.repeat(130)}test`,
    'example..test:80',
  ];
  for (const entry of wrong) {
    assert.throws(
      () => parseAllowList(`example.test,${entry}`),
      { message: `"${entry}" is not a host, host:port, IP address or CIDR` },
      entry,
    );
  }
});
