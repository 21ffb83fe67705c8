/** The routes below `/v1/participant_imports` (docs/systems.md, RedJade). */
import type { RouteTools } from 'batchwright/plugin';
import type { Request, Router } from 'express';
import { refused } from './errors.ts';
import { requireEvent } from './event-rows.ts';
import { csvText } from './export.ts';
import { countImports, findImport, listImports, type StoredImport, shownImport } from './import-rows.ts';
import { LOOKUP } from './lookup.ts';
import { receiveRows } from './receive-rows.ts';
import { reportText } from './report.ts';
import { idIn, noSuch, pageIn, queryOf, requirePermission, requireReading, wholeNumber } from './requests.ts';
import { startAction } from './start-action.ts';
import { sendPieces } from './stream.ts';

export function importRoutes(router: Router, tools: RouteTools): void {
  const { call, callerOf, sql } = tools;

  router.post('/', async (request, response) => {
    const caller = callerOf(request);
    requirePermission(caller, 'createImport');
    const received = await receiveRows(request, tools, ({ actIfValid }) => {
      if (actIfValid) requirePermission(caller, 'applyImport');
    });
    const created = (await call(request, 'redjade.createImport', {
      upload: received.upload,
      external_event_id: received.externalEventId,
      row_count: received.rowCount,
    })) as ReturnType<typeof shownImport>;
    const action = received.actIfValid
      ? { participant_import_action: await startAction(request, tools, created.id, received.options) }
      : {};
    response
      .status(201)
      .location(`${request.baseUrl}/${created.id}`)
      .json({ participant_import: created, ...action });
  });

  router.get('/', async (request, response) => {
    const { tenant } = reader(request);
    const query = queryOf(request, ['external_event_id', 'start', 'perPage']);
    const page = pageIn(query);
    const { external_event_id: externalEventId } = query;
    if (!externalEventId)
      throw refused(422, [{ message: 'external_event_id is required', field: 'external_event_id' }]);
    const eventId = await requireEvent(sql, tenant, externalEventId);
    const totalResults = await countImports(sql, tenant, eventId);
    const found = await listImports(sql, tenant, eventId, page);
    response.json({
      participant_imports: found.map(shownImport),
      meta: { totalResults, ...page, count: found.length },
    });
  });

  router.get('/lookup', (request, response) => {
    reader(request);
    response.json(LOOKUP);
  });

  router.get('/:id', async (request, response) => {
    response.json({ participant_import: shownImport(await importOf(request)) });
  });

  router.get('/:id/parser', async (request, response) => {
    const stored = await importOf(request);
    const query = queryOf(request, ['start', 'perPage']);
    const { start } = pageIn(query);
    const most = Number.MAX_SAFE_INTEGER;
    const perPage =
      query.perPage === undefined ? undefined : wholeNumber(query, 'perPage', { least: 1, most });
    const report = reportText(sql, callerOf(request).tenant, stored, { start, perPage });
    await sendPieces(response, 'application/json; charset=utf-8', report);
  });

  router.get('/:id/export', async (request, response) => {
    const stored = await importOf(request);
    response.attachment(`participant_import_${stored.id}.csv`);
    await sendPieces(
      response,
      'text/csv; charset=utf-8; header=present',
      csvText(sql, callerOf(request).tenant, stored),
    );
  });

  router.delete('/:id', async (request, response) => {
    await call(request, 'redjade.deleteImport', {
      participant_import_id: idIn(request, 'participant import'),
    });
    response.status(204).end();
  });

  function reader(request: Request): { tenant: string } {
    const caller = callerOf(request);
    requireReading(caller);
    return caller;
  }

  async function importOf(request: Request): Promise<StoredImport> {
    const { tenant } = reader(request);
    const id = idIn(request, 'participant import');
    const found = await findImport(sql, tenant, id);
    if (!found) throw noSuch('participant import', id);
    return found;
  }
}
