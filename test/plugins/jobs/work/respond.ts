import { defineAction } from 'batchwright/plugin';
import type { Respond } from '../../schemas/work/respond.ts';

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
  deep: () => JSON.parse(`${'['.repeat(6000)}${']'.repeat(6000)}`),
};

export default defineAction<Respond>({
  summary: 'Answers all sorts of things',
  retry: { limit: 2, delaySeconds: 0, backoff: false },
  run: ({ kind }) => RESPONSES[kind](),
});
