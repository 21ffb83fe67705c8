/**
 * A client of Tracx Connect: it exchanges its connect token for a session token, finds the event and its races, imports
 * the participants, follows the import and reads them back. Every request is one that Tracx documents, with another host
 * and one of our API keys as the connect token; what is ours is said so.
 *
 * `npm run demo -- tracx` runs it against a server of its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';

interface Options {
  url: string;
  adminKey: string;
  callbackUrl?: string;
  print(line: string): void;
}

const PARTICIPANTS = 10_000;
const FIRST_NAMES = ['Ada', 'Alan', 'Edsger', 'Grace', 'Katherine', 'Tony'];
const LAST_NAMES = ['Lovelace', 'Turing', 'Dijkstra', 'Hopper', 'Johnson', 'Hoare'];

/** Tracx puts every answer into `data`. */
interface Answer<Data> {
  data: Data;
}

interface List<Item> {
  items: Item[];
}

interface Race {
  id: number;
  name: string;
}

/** The answer to rows that are wrong. */
interface Refusal {
  errors: { index: number; field: string; message: string }[];
}

/** Ours: a batch. */
interface Batch {
  state: string;
  counts: { succeeded: number; total: number };
}

function send(method: string, address: string, authorization: string, body?: unknown): Promise<Response> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return fetch(address, { method, headers: { authorization }, ...init });
}

/** The body of an answer; throws for an error. */
async function get<Body>(
  method: string,
  address: string,
  authorization: string,
  body?: unknown,
): Promise<Body> {
  const response = await send(method, address, authorization, body);
  if (!response.ok) throw new Error(`${method} ${address}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Body;
}

export async function run({ url, adminKey, print }: Options): Promise<void> {
  const connect = `${url}/v1/connect`;

  // Ours: the operator makes the connect token and the event.
  const admin = `Bearer ${adminKey}`;
  const permissions = ['events.list', 'races.list', 'participants.list', 'participants.store-multiple'];
  const wanted = { name: 'timing partner', permissions };
  const { key } = await get<{ key: string }>('POST', `${url}/v1/keys`, admin, wanted);
  print(`The connect token of the timing partner has the permissions ${permissions.join(', ')}.`);
  await get('POST', `${url}/api/1.0/event?action=addOrUpdateEvent`, admin, {
    title: 'City Run',
    races: [{ name: '10 km' }, { name: '5 km' }],
  });

  type Session = Answer<{ token: string; expires_at: number }>;
  const session = await get<Session>('POST', `${connect}/session-token`, key);
  const { token, expires_at } = session.data;
  const minutes = Math.round((expires_at - Date.now() / 1000) / 60);
  print(`POST /v1/connect/session-token: a session token for ${minutes} minutes.`);

  const events = await get<Answer<List<{ id: number; name: string }>>>('GET', `${connect}/events`, token);
  const [event] = events.data.items;
  if (!event) throw new Error('there is no event');
  const found = await get<Answer<List<Race>>>('GET', `${connect}/races?event_id=${event.id}`, token);
  const races = found.data.items;
  const names = races.map((race) => `${race.name} (${race.id})`);
  print(`GET /v1/connect/events and /races: event ${event.id}, ${event.name}, has ${names.join(' and ')}.`);

  const participants = Array.from({ length: PARTICIPANTS }, (_, n) => ({
    unique_id: `runner-${n + 1}`,
    first_name: FIRST_NAMES[n % FIRST_NAMES.length],
    last_name: LAST_NAMES[Math.floor(n / FIRST_NAMES.length) % LAST_NAMES.length],
    date_of_birth: '2001-01-01',
    race_id: races[n % races.length]?.id,
    country_code: 'nl',
    start_number: `${n + 1}`,
    chip_code: String(n + 1).padStart(7, '0'),
  }));
  const path = `/v1/connect/events/${event.id}/participants`;

  const wrong = participants.map((row, n) => (n === 3 ? { ...row, chip_code: '4' } : row));
  const refused = await send('POST', `${url}${path}`, token, wrong);
  const refusal = (await refused.json()) as Answer<Refusal>;
  for (const { index, field, message } of refusal.data.errors)
    print(`A wrong row: ${refused.status}, row ${index}: ${field} ${message}. Nothing is stored.`);

  const startedAt = performance.now();
  type Queued = Answer<{ asyncId: string; message: string }>;
  const { data: queued } = await get<Queued>('POST', `${url}${path}`, token, participants);
  print(`POST ${path}: "${queued.message}", after ${Math.round(performance.now() - startedAt)} ms.`);

  // Ours: the import is a batch, which the connect token may follow.
  const batch = `${url}/v1/batches/${queued.asyncId}`;
  let { state, counts } = await get<Batch>('GET', batch, `Bearer ${key}`);
  while (state !== 'completed') {
    await sleep(50);
    ({ state, counts } = await get<Batch>('GET', batch, `Bearer ${key}`));
  }
  const stored = Math.round(performance.now() - startedAt);
  print(`GET /v1/batches/${queued.asyncId}: ${counts.succeeded} of ${counts.total} jobs after ${stored} ms.`);

  // Ours: the participants can be read back.
  type Page = Answer<List<{ start_number: string; full_name: string }>> & { meta: { total: number } };
  const page = await get<Page>('GET', `${url}${path}?page=2&per_page=3`, token);
  const shown = page.data.items.map(({ start_number, full_name }) => `${start_number} ${full_name}`);
  print(`GET ${path}: ${page.meta.total} participants, on page 2 ${shown.join(', ')}.`);
}
