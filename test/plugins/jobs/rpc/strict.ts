import { defineAction } from 'batchwright/plugin';
import type { Strict } from '../../schemas/rpc/strict.ts';

export default defineAction<Strict>({
  summary: 'Answers its name, if its schema lets it',
  run: ({ id, name }) => ({ id, name }),
});
