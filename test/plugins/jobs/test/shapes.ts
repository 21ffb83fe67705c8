import { defineAction } from 'batchwright/plugin';
import type { Shapes } from '../../schemas/test/shapes.ts';

export default defineAction<Shapes>({
  summary: 'Answers params of every kind',
  example: { event: 7, title: 'Run', pay: { by: 'card', card: '4242' } },
  run: (params) => ({ params }),
});
