// Relative, unlike other plugins: the package.json of this folder hides the project's own names.
import { defineAction } from '../../../src/plugin/index.ts';
import type { Echo } from '../../schemas/bench/echo.ts';

export default defineAction<Echo>({
  summary: 'Answers at once: what is left is the cost of the engine',
  run: ({ n }) => ({ ok: true, n }),
});
