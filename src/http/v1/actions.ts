/** `/v1/actions`: the available actions. */
import { Router } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import type { ActionCatalogue } from '../../pipeline/read/action-catalogue.ts';
import { queryOf } from '../body/query.ts';

export function actionRoutes(actions: ActionCatalogue): Router {
  const router = Router();
  router.get('/actions', (request, response) => {
    queryOf(request, []);
    response.json({ data: actions.all() });
  });
  router.get('/actions/:name', (request, response) => {
    queryOf(request, []);
    const action = actions.find(request.params.name);
    if (!action) throw new BatchwrightError('notFound', { message: 'There is no such action' });
    response.json(action);
  });
  return router;
}
