/**
 * A client of RedJade's two steps: it sends the participants of an event, reads how they were understood, and applies
 * them. Every request is one that RedJade documents, with another host and one of our API keys as the token.
 *
 * `npm run demo -- redjade` runs it against a server of its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';

interface Options {
  url: string;
  adminKey: string;
  callbackUrl?: string;
  print(line: string): void;
}

interface ImportAction {
  id: number;
  status: string;
  success_count: number;
  errors: { index: number; message: string }[];
}

/** A row as RedJade understood it. */
interface Row {
  index: number;
  status: string;
  errors: { field: string; message: string }[];
  match: { participant_id: number; by: string } | null;
  duplicate_of: number | null;
}

interface Participant {
  id: number;
  email: string;
  first_name: string;
  demographics: object;
}

const PARTICIPANTS = [
  {
    external_id: 'P-1',
    email: 'ada@example.com',
    first_name: 'Ada',
    locale: 'en',
    demographics: { Age: 36 },
  },
  { external_id: 'P-2', email: 'alan@example.com', first_name: 'Alan', demographics: { Age: 41, Tea: true } },
  { email: 'GRACE@example.com', first_name: 'Grace' },
  { email: 'grace@example.com', first_name: 'Grace', last_name: 'Hopper' },
  { external_id: 'P-3', email: 'not an address' },
];

export async function run({ url, adminKey, print }: Options): Promise<void> {
  async function send<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${url}${path}`, { method, headers, ...init });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer as Answer;
  }

  /** Starts an action, and polls its status. */
  async function apply(options: object) {
    type Answer = { participant_import_action: ImportAction };
    const started = await send<Answer>('POST', '/v1/participant_import_actions', options);
    for (;;) {
      const path = `/v1/participant_import_actions/${started.participant_import_action.id}`;
      const { participant_import_action: now } = await send<Answer>('GET', path);
      if (now.status === 'completed' || now.status === 'failed') return now;
      await sleep(50);
    }
  }

  const event = { name: 'Chocolate tasting', externalEventId: '2026' };
  await send('POST', '/api/1.0/event?action=addOrUpdateEvent', event);
  print('The event "Chocolate tasting" has the external_event_id 2026.');

  const payload = { external_event_id: 2026, participants: PARTICIPANTS };
  type Sent = { participant_import: { id: number; row_count: number } };
  const { participant_import: sent } = await send<Sent>('POST', '/v1/participant_imports', payload);
  print(
    `POST /v1/participant_imports: import ${sent.id} has ${sent.row_count} rows; nothing is applied yet.`,
  );

  const { rows } = await send<{ rows: Row[] }>('GET', `/v1/participant_imports/${sent.id}/parser`);
  for (const { index, status, errors, match, duplicate_of } of rows) {
    const notes = errors.map(({ field, message }) => `${field} ${message}`);
    if (match) notes.push(`is participant ${match.participant_id}, by ${match.by}`);
    if (duplicate_of !== null) notes.push(`is a duplicate of row ${duplicate_of}`);
    print(`  row ${index}: ${[status, ...notes].join(', ')}`);
  }

  const strict = await apply({ participant_import_id: sent.id });
  print(`POST /v1/participant_import_actions without options: ${strict.status}.`);
  for (const { index, message } of strict.errors) print(`  row ${index}: ${message}`);

  const skipping = { skip_invalid: true, skip_duplicate_identity_matches: true };
  const applied = await apply({ participant_import_id: sent.id, ...skipping });
  print(`With skip_invalid and skip_duplicate_identity_matches: ${applied.status}.`);

  const wanted = { external_event_id: 2026 };
  const list = await send<{ results: Participant[] }>(
    'POST',
    '/api/1.0/redjade?action=listParticipants',
    wanted,
  );
  print(`${applied.success_count} rows were applied. The participants of the event:`);
  for (const { id, email, first_name, demographics } of list.results)
    print(`  ${id} ${first_name} <${email}> ${JSON.stringify(demographics)}`);
}
