/** `/v1/actions`: the available actions; `/v1/limits`. */
import { Router } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import { changeAction } from '../../pipeline/control/change-action.ts';
import type { ActionCatalogue } from '../../pipeline/read/action-catalogue.ts';
import { actionLimits, type LimitsDeps, limitsFor } from '../../pipeline/read/limits.ts';
import { callerOf } from '../auth/callers.ts';
import { readObject } from '../body/members.ts';
import { queryOf } from '../body/query.ts';
import type { LiveAnswers } from './live-answers.ts';

export interface ActionRoutesDeps extends LimitsDeps {
  actions: ActionCatalogue;
}

export function actionRoutes(deps: ActionRoutesDeps): Router {
  const { actions } = deps;
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
  return router;
}

export function addLimits(answers: LiveAnswers, deps: LimitsDeps): void {
  answers.get('/limits', [], async ({ caller }) => JSON.stringify(await limitsFor(deps, caller)));
}
