/** A client of the two steps over HTTP, for tests. */
import type { Answer, System } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

export interface Client {
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  delete(path: string): Promise<Answer>;
  /** Creates an import; returns what was answered. */
  create(body: object): Promise<Answer>;
  /** The action when it has ended. */
  ended(actionId: number): Promise<Answer['body']>;
  /** The participants of an event. */
  participants(externalEventId: string | number): Promise<Answer['body'][]>;
}

export const IMPORTS = '/v1/participant_imports';
export const ACTIONS = '/v1/participant_import_actions';

/** @param headers those of another key than the admin's */
export function clientOf(system: System, headers: Record<string, string> = {}): Client {
  const send = (method: string, path: string, body?: unknown) =>
    system.request(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  return {
    get: (path) => send('GET', path),
    post: (path, body) => send('POST', path, body),
    delete: (path) => send('DELETE', path),
    create: (body) => send('POST', IMPORTS, body),
    ended: (actionId) =>
      waitFor(
        async () => {
          const { body } = await send('GET', `${ACTIONS}/${actionId}`);
          const action = body.participant_import_action;
          return (action.status === 'completed' || action.status === 'failed') && action;
        },
        { what: `the end of action ${actionId}` },
      ),
    async participants(externalEventId) {
      const params = { external_event_id: externalEventId, perPage: 1000 };
      const { body } = await send('POST', '/api/1.0/redjade?action=listParticipants', params);
      return body.results;
    },
  };
}

/** The headers of a new key. */
export async function keyOf(
  system: System,
  tenant: string,
  permissions: string[] = ['*'],
): Promise<Record<string, string>> {
  const init = { method: 'POST', body: JSON.stringify({ name: 'test', tenant, permissions }) };
  const { body } = await system.request('/v1/keys', init);
  return { authorization: `Bearer ${body.key}` };
}

/** Adds an event for a client's tenant. */
export async function addEvent(client: Client, event: object): Promise<void> {
  const { status, body } = await client.post('/api/1.0/event?action=addOrUpdateEvent', {
    name: 'E',
    ...event,
  });
  if (status !== 200) throw new Error(JSON.stringify(body));
}

/** An event with two participants, and an import with a row of every kind. */
export async function parsedImport(
  client: Client,
  externalEventId: string,
): Promise<{ id: number; ids: Map<string, number> }> {
  await addEvent(client, { externalEventId });
  const at = { external_event_id: externalEventId };
  const seed = [{ external_id: 'a', email: 'a@example.com' }, { email: 'b@example.com' }];
  const { body } = await client.create({ ...at, act_if_valid: true, participants: seed });
  await client.ended(body.participant_import_action.id);
  const ids = new Map(
    (await client.participants(externalEventId)).map(({ id, external_id, email }) => [
      external_id ?? email,
      id,
    ]),
  );
  const rows = [
    { external_id: 'new', demographics: { 'Eye color': 'green', 'Brand new': true } },
    { external_id: 'a', first_name: 'Quote " and, comma' },
    { email: 'B@example.com', last_name: 'New\u00a0line' },
    { external_id: 'a', last_name: '=1+1' },
    { external_id: 'a', email: 'b@example.com' },
    { external_id: '', email: 5, demographics: { 'Eye color': [1, 'x'] } },
    'no object',
  ];
  const { body: created } = await client.create({ ...at, participants: rows });
  return { id: created.participant_import.id, ids };
}
