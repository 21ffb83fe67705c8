import { defineAction, NonRetryableError } from 'batchwright/plugin';
import type { Refuse } from '../../schemas/rpc/refuse.ts';

export default defineAction<Refuse>({
  summary: 'Fails for good, with the error that its params describe',
  run({ message, ...options }) {
    throw new NonRetryableError(message, options);
  },
});
