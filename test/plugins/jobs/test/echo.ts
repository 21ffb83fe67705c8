import { defineAction } from 'batchwright/plugin';
import type { Echo } from '../../schemas/test/echo.ts';

export default defineAction<Echo>({
  summary: 'Answers its params',
  run: (params) => params,
});
