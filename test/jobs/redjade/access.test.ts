/** Tenants, permissions and the shape of errors at RedJade's routes. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { ACTIONS, clientOf, IMPORTS, keyOf, parsedImport } from './client.ts';

const system = await startSystem({ after });
const client = clientOf(system);
const ADA = { external_id: 'A-1', email: 'ada@example.com' };

describe('who may do what', () => {
  test('another tenant does not find an import, its actions or its event', async () => {
    const { id } = await parsedImport(client, 'private');
    const { body } = await client.post(ACTIONS, { participant_import_id: id, skip_invalid: true });
    const actionId = body.participant_import_action.id;
    await client.ended(actionId);
    const other = clientOf(system, await keyOf(system, 'other'));
    for (const answer of [
      await other.create({ external_event_id: 'private', participants: [ADA] }),
      await other.get(`${IMPORTS}?external_event_id=private`),
      await other.get(`${IMPORTS}/${id}`),
      await other.get(`${IMPORTS}/${id}/parser`),
      await other.get(`${IMPORTS}/${id}/export`),
      await other.delete(`${IMPORTS}/${id}`),
      await other.post(ACTIONS, { participant_import_id: id }),
      await other.get(`${ACTIONS}?participant_import_id=${id}`),
      await other.get(`${ACTIONS}/${actionId}`),
    ]) {
      assert.equal(answer.status, 404);
      assert.match(answer.body.errors[0].message, /^There is no /);
    }
    assert.equal((await client.get(`${IMPORTS}/${id}`)).status, 200);
  });

  test('a key needs the permissions of the actions, and reads with any of them', async () => {
    const { id } = await parsedImport(client, 'permissions');
    const sent = { external_event_id: 'permissions', participants: [ADA] };
    const clientWith = async (...permissions: string[]) =>
      clientOf(system, await keyOf(system, 'default', permissions));

    const creator = await clientWith('redjade.createImport');
    assert.equal((await creator.create(sent)).status, 201);
    assert.equal((await creator.get(`${IMPORTS}/${id}`)).status, 200);
    const refused = await creator.create({ ...sent, act_if_valid: true });
    assert.deepEqual(
      [refused.status, refused.body],
      [403, { errors: [{ message: 'The API key lacks redjade.applyImport' }] }],
    );
    assert.equal((await creator.post(ACTIONS, { participant_import_id: id })).status, 403);
    assert.equal((await creator.delete(`${IMPORTS}/${id}`)).status, 403);

    const applier = await clientWith('redjade.applyImport');
    assert.equal((await applier.create(sent)).status, 403);
    const { status, body } = await applier.post(ACTIONS, { participant_import_id: id, skip_invalid: true });
    assert.equal(status, 201);
    await applier.ended(body.participant_import_action.id);

    const stranger = await clientWith('event.*', 'redjad.*');
    for (const path of [`${IMPORTS}/${id}`, `${IMPORTS}/lookup`, `${IMPORTS}?external_event_id=permissions`])
      assert.equal((await stranger.get(path)).status, 403);
    assert.equal((await stranger.get(`${ACTIONS}?participant_import_id=${id}`)).status, 403);
  });

  test('errors of Batchwright itself have the shape of these routes too', async () => {
    const shape = async (path: string, init: RequestInit, status: number) => {
      const answer = await system.request(path, init);
      assert.equal(answer.status, status, path);
      assert.deepEqual(Object.keys(answer.body), ['errors'], path);
      assert.equal(typeof answer.body.errors[0].message, 'string');
      return answer;
    };
    await shape(IMPORTS, { headers: { authorization: 'Bearer nobody' } }, 401);
    await shape(`${IMPORTS}/1/nothing`, {}, 404);
    await shape(`${IMPORTS}/none`, {}, 404);
    await shape(`${IMPORTS}/99999999999999999999`, {}, 404);
    const { headers } = await shape(IMPORTS, { method: 'PUT', body: '{}' }, 405);
    assert.equal(headers.get('allow'), 'POST, GET, HEAD');
    await shape(ACTIONS, { method: 'DELETE' }, 405);
  });
});
