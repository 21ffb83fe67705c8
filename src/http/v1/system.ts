/** `/v1/system`: queues, workers, version and limits, for the operator. */
import { Router } from 'express';
import { type SystemDeps, systemView } from '../../pipeline/read/system.ts';
import { callerOf } from '../auth/callers.ts';
import { queryOf } from '../body/query.ts';

export function systemRoutes(deps: SystemDeps): Router {
  const router = Router();
  router.get('/system', async (request, response) => {
    queryOf(request, []);
    response.json(await systemView(deps, callerOf(request)));
  });
  return router;
}
