import { defineAction } from 'batchwright/plugin';
import type { Call } from '../../schemas/limit/account.ts';
import { call } from './lib/call.ts';

export default defineAction<Call>({
  summary: 'Calls the server, two jobs of an account at once',
  limits: { concurrency: { max: 2, by: '/account' } },
  run: call,
});
