import { defineAction } from 'batchwright/plugin';
import type { Respond } from '../../schemas/work/respond.ts';

/** A number that JSON.stringify writes as it is given; TypeScript does not know it yet. */
function rawNumber(digits: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);
}

const MIB = 1024 * 1024;

const RESPONSES: Record<Respond['kind'], () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  number: () => 0.1,
  date: () => new Date(0),
  nul: () => ({ text: 'a\u0000b' }),
  surrogate: () => 'x\ud800y',
  function: () => () => 1,
  bigint: () => 1n,
  circular: () => {
    const ring: { self?: object } = {};
    ring.self = ring;
    return ring;
  },
  // With its quotes, it has exactly the allowed number of bytes, or one more.
  largest: () => 'x'.repeat(MIB - 2),
  larger: () => 'x'.repeat(MIB - 1),
  // Fewer than a million characters, but more bytes.
  wide: () => 'é'.repeat(MIB / 2),
  // Numbers that no double can hold.
  digits: () => ({ id: rawNumber('9007199254740993'), rate: rawNumber('0.10000000000000000001') }),
  // Names that objects inherit.
  inherited: () => JSON.parse('{"__proto__":{"polluted":true},"list":[{"constructor":7}]}'),
  nested: () => JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`),
  deep: () => JSON.parse(`${'['.repeat(6000)}${']'.repeat(6000)}`),
};

export default defineAction<Respond>({
  summary: 'Answers all sorts of things',
  retry: { limit: 2, delaySeconds: 0, backoff: false },
  run: ({ kind }) => RESPONSES[kind](),
});
