/**
 * `test.ping` `{}` → `{"ack": "2026-11-25 22:47:42 UTC"}`, the server's time, as in iVvy's API
 * (docs/systems.md): clients call it to check their key and their signature.
 */
import { defineAction } from 'batchwright/plugin';
import type { Ping } from '#schemas/test/ping.ts';

export default defineAction<Ping>({
  summary: "Return the server's time",
  example: {},
  run: () => ({ ack: `${new Date().toISOString().slice(0, 19).replace('T', ' ')} UTC` }),
});
