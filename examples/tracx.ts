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

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is any JSON, and a newcomer's script has no types of it
  body: any;
}

async function send(method: string, address: string, authorization: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(address, { method, headers: { authorization }, ...init });
  return { status: response.status, body: await response.json() };
}

/** The body of an answer; throws for an error. */
async function get(method: string, address: string, authorization: string, body?: unknown) {
  const answer = await send(method, address, authorization, body);
  if (answer.status >= 400)
    throw new Error(`${method} ${address}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

export async function run({ url, adminKey, print }: Options): Promise<void> {
  const connect = `${url}/v1/connect`;

  // Ours: the operator makes the connect token and the event.
  const admin = `Bearer ${adminKey}`;
  const permissions = ['events.list', 'races.list', 'participants.list', 'participants.store-multiple'];
  const { key } = await get('POST', `${url}/v1/keys`, admin, { name: 'timing partner', permissions });
  print(`The connect token of the timing partner has the permissions ${permissions.join(', ')}.`);
  await get('POST', `${url}/api/1.0/event?action=addOrUpdateEvent`, admin, {
    title: 'City Run',
    races: [{ name: '10 km' }, { name: '5 km' }],
  });

  const { token, expires_at } = (await get('POST', `${connect}/session-token`, key)).data;
  const minutes = Math.round((expires_at - Date.now() / 1000) / 60);
  print(`POST /v1/connect/session-token: a session token for ${minutes} minutes.`);

  const [event] = (await get('GET', `${connect}/events`, token)).data.items;
  const races = (await get('GET', `${connect}/races?event_id=${event.id}`, token)).data.items;
  const names = races.map((race: { id: number; name: string }) => `${race.name} (${race.id})`);
  print(`GET /v1/connect/events and /races: event ${event.id}, ${event.name}, has ${names.join(' and ')}.`);

  const participants = Array.from({ length: PARTICIPANTS }, (_, n) => ({
    unique_id: `runner-${n + 1}`,
    first_name: FIRST_NAMES[n % FIRST_NAMES.length],
    last_name: LAST_NAMES[Math.floor(n / FIRST_NAMES.length) % LAST_NAMES.length],
    date_of_birth: '2001-01-01',
    race_id: races[n % races.length].id,
    country_code: 'nl',
    start_number: `${n + 1}`,
    chip_code: String(n + 1).padStart(7, '0'),
  }));
  const path = `/v1/connect/events/${event.id}/participants`;

  const wrong = participants.with(3, { ...(participants[3] as (typeof participants)[0]), chip_code: '4' });
  const refused = await send('POST', `${url}${path}`, token, wrong);
  const [error] = refused.body.data.errors;
  print(
    `A wrong row: ${refused.status}, row ${error.index}: ${error.field} ${error.message}. Nothing is stored.`,
  );

  const startedAt = performance.now();
  const queued = (await get('POST', `${url}${path}`, token, participants)).data;
  print(`POST ${path}: "${queued.message}", after ${Math.round(performance.now() - startedAt)} ms.`);

  // Ours: the import is a batch, which the connect token may follow.
  const batch = `${url}/v1/batches/${queued.asyncId}`;
  let { state, counts } = await get('GET', batch, `Bearer ${key}`);
  while (state !== 'completed') {
    await sleep(50);
    ({ state, counts } = await get('GET', batch, `Bearer ${key}`));
  }
  const stored = Math.round(performance.now() - startedAt);
  print(`GET /v1/batches/${queued.asyncId}: ${counts.succeeded} of ${counts.total} jobs after ${stored} ms.`);

  // Ours: the participants can be read back.
  const page = await get('GET', `${url}${path}?page=2&per_page=3`, token);
  const shown = page.data.items.map(
    (stored: { start_number: string; full_name: string }) => `${stored.start_number} ${stored.full_name}`,
  );
  print(`GET ${path}: ${page.meta.total} participants, on page 2 ${shown.join(', ')}.`);
}
