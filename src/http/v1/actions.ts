/** `/v1/actions`: the available actions; `/v1/limits`. */
import { Router } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import { changeAction } from '../../pipeline/control/change-action.ts';
import type { ActionCatalogue } from '../../pipeline/read/action-catalogue.ts';
import { actionLimits, type LimitsDeps, type LimitsView, limitsFor } from '../../pipeline/read/limits.ts';
import { SharedFind, seenBy } from '../../pipeline/read/shared-find.ts';
import { callerOf } from '../auth/callers.ts';
import { readObject } from '../body/members.ts';
import { queryOf } from '../body/query.ts';

export interface ActionRoutesDeps extends LimitsDeps {
  actions: ActionCatalogue;
}

export function actionRoutes(deps: ActionRoutesDeps): Router {
  const { actions } = deps;
  const limits = new SharedFind<LimitsView>();
  const router = Router();
  router.get('/actions', (request, response) => {
    queryOf(request, []);
    response.json({ data: actions.all() });
  });
  router.get('/actions/:name', (request, response) => {
    queryOf(request, []);
    const action = actions.find(request.params.name);
    if (!action) throw new BatchwrightError('notFound', { message: actions.unknown(request.params.name) });
    response.json(action);
  });
  router.patch('/actions/:name', async (request, response) => {
    queryOf(request, []);
    const { name } = request.params;
    await changeAction(deps, callerOf(request), name, await readObject(request));
    response.json(await actionLimits(deps, name));
  });
  router.get('/limits', async (request, response) => {
    queryOf(request, []);
    const caller = callerOf(request);
    response.json(await limits.get(seenBy(caller), () => limitsFor(deps, caller)));
  });
  return router;
}
