/** The callback of a batch that OS1's routes took: the status body (docs/systems.md, OS1). */
import { defineCallback } from 'batchwright/plugin';
import { NO_REQUEST } from './lib/envelopes.ts';
import { statusBody } from './lib/status-body.ts';

export default defineCallback({
  body: ({ asyncId, state, counts }, results) =>
    statusBody({ id: asyncId, state, counts }, () => results, NO_REQUEST),
});
