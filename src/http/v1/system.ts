/** `/v1/system`: queues, workers, version and limits, for the operator. */
import { Router } from 'express';
import { SharedFind, seenBy } from '../../pipeline/read/shared-find.ts';
import { type SystemDeps, type SystemView, systemView } from '../../pipeline/read/system.ts';
import { callerOf } from '../auth/callers.ts';
import { queryOf } from '../body/query.ts';

export function systemRoutes(deps: SystemDeps): Router {
  const router = Router();
  const views = new SharedFind<SystemView>();
  router.get('/system', async (request, response) => {
    queryOf(request, []);
    const caller = callerOf(request);
    response.json(await views.get(seenBy(caller), () => systemView(deps, caller)));
  });
  return router;
}
