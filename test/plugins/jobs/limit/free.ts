import { defineAction } from 'batchwright/plugin';
import type { Call } from '../../schemas/limit/free.ts';
import { call } from './lib/call.ts';

export default defineAction<Call>({ summary: 'Calls the server without limits', run: call });
