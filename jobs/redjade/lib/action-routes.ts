/** The routes below `/v1/participant_import_actions` (docs/systems.md, RedJade). */
import type { RouteTools } from 'batchwright/plugin';
import type { Request, Router } from 'express';
import { countActions, findAction, listActions } from './action-rows.ts';
import { refused } from './errors.ts';
import { findImport } from './import-rows.ts';
import { parseAction } from './parse-body.ts';
import { idIn, noSuch, pageIn, queryOf, requirePermission, requireReading, wholeNumber } from './requests.ts';
import { currentAction, startAction } from './start-action.ts';

export function actionRoutes(router: Router, tools: RouteTools): void {
  const { callerOf, readJson, sql } = tools;

  router.post('/', async (request, response) => {
    const caller = callerOf(request);
    requirePermission(caller, 'applyImport');
    const { importId, options } = parseAction(await readJson(request));
    await requireImport(caller.tenant, importId);
    const action = (await startAction(request, tools, importId, options)) as { id: number };
    response
      .status(201)
      .location(`${request.baseUrl}/${action.id}`)
      .json({ participant_import_action: action });
  });

  router.get('/', async (request, response) => {
    const { tenant } = reader(request);
    const query = queryOf(request, ['participant_import_id', 'start', 'perPage']);
    const page = pageIn(query);
    const most = Number.MAX_SAFE_INTEGER;
    const importId = wholeNumber(query, 'participant_import_id', { least: 1, most });
    await requireImport(tenant, importId);
    const totalResults = await countActions(sql, tenant, importId);
    const actions: unknown[] = [];
    for (const action of await listActions(sql, tenant, importId, page))
      actions.push(await currentAction(request, tools, action));
    response.json({
      participant_import_actions: actions,
      meta: { totalResults, ...page, count: actions.length },
    });
  });

  router.get('/:id', async (request, response) => {
    const { tenant } = reader(request);
    const id = idIn(request, 'participant import action');
    const action = await findAction(sql, tenant, id);
    if (!action) throw noSuch('participant import action', id);
    response.json({ participant_import_action: await currentAction(request, tools, action) });
  });

  function reader(request: Request): { tenant: string } {
    const caller = callerOf(request);
    requireReading(caller);
    return caller;
  }

  async function requireImport(tenant: string, id: number): Promise<void> {
    if (await findImport(sql, tenant, id)) return;
    const message = `There is no participant import ${id}`;
    throw refused(404, [{ message, field: 'participant_import_id' }]);
  }
}
