import { defineAction } from 'batchwright/plugin';
import type { Call } from '../../schemas/limit/paced.ts';
import { call } from './lib/call.ts';

export default defineAction<Call>({
  summary: 'Calls the server at most 20 times a second',
  limits: { rate: { limit: 20, perSeconds: 1 } },
  run: call,
});
