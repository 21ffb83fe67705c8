/** `/v1/actions`: what can be run. */
import { Router } from 'express';
import { BatchwrightError } from '../../domain/errors.ts';
import type { ActionCatalogue } from '../../pipeline/action-catalogue.ts';

export function actionRoutes(actions: ActionCatalogue): Router {
  const router = Router();
  router.get('/actions', (_request, response) => {
    response.json({ data: actions.all() });
  });
  router.get('/actions/:name', (request, response) => {
    const action = actions.find(request.params.name);
    if (!action) throw new BatchwrightError('notFound', { message: 'There is no such action' });
    response.json(action);
  });
  return router;
}
