import { defineAction } from 'batchwright/plugin';
import type { Special } from '../../schemas/rpc/special.ts';

export default defineAction<Special>({
  summary: 'Has a permission of another name than its own',
  permission: 'rpc.restricted',
  run: () => ({ done: true }),
});
