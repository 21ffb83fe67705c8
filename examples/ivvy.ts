/**
 * A client of iVvy's API: it signs its requests, adds an event and contacts, invites them, and runs a batch. Every
 * request is one that iVvy documents, with another host.
 *
 * `npm run demo -- ivvy` runs it against a server of its own.
 */
import { createHash, createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

interface Options {
  url: string;
  adminKey: string;
  callbackUrl?: string;
  print(line: string): void;
}

interface SigningKey {
  key: string;
  secret: string;
}

interface List<Item> {
  results: Item[];
  meta: { totalResults: number };
}

/** The result of a job. */
interface Result {
  namespace: string;
  action: string;
  status: string;
  response: unknown;
}

const CONTACTS = [
  { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@example.com', phone: '+44 20 7946 0000' },
  { firstName: 'Alan', lastName: 'Turing', email: 'alan@example.com' },
  { firstName: 'Grace', lastName: 'Hopper', email: 'grace@example.com', status: 2 },
];

export async function run({ url, adminKey, callbackUrl, print }: Options): Promise<void> {
  const key = await makeKey(url, adminKey);
  print(
    'POST /v1/keys with "signing":"IWS" made a key and its secret; every request from here on is signed.',
  );
  const call = signedCalls(url, key);

  const { ack } = await call<{ ack: string }>('test', 'ping');
  print(`test.ping: it is ${ack}.`);

  const event = await call<{ id: number; code: string }>('event', 'addOrUpdateEvent', {
    title: 'Chocolate tasting',
    externalEventId: 'ivvy-demo',
    startDateTime: '2027-03-05 18:00:00 UTC',
    endDateTime: '2027-03-05 21:00:00 UTC',
  });
  print(`event.addOrUpdateEvent: event ${event.id} has the code ${event.code}.`);

  const ids: number[] = [];
  for (const contact of CONTACTS) {
    const params = { ...contact, updateIfExists: true };
    ids.push((await call<{ id: number }>('contact', 'addOrUpdateContact', params)).id);
  }
  print(`contact.addOrUpdateContact: contacts ${ids.join(', ')}; the last one has unsubscribed.`);

  const filter = { email__ENDS: '@EXAMPLE.COM', status: 1 };
  const page = { start: 0, perPage: 10 };
  const list = await call<List<object>>('contact', 'getContactList', { ...page, filter });
  print(`contact.getContactList: ${list.meta.totalResults} subscribed contacts at example.com.`);

  const jobs = [
    { namespace: 'event', action: 'inviteContacts', params: { event: event.id, contacts: ids } },
    { namespace: 'event', action: 'getEvent', params: { id: event.id } },
    { namespace: 'contact', action: 'getContact', params: { id: 999_999 } },
  ];
  const batch = { jobs, ...(callbackUrl ? { callbackUrl } : {}) };
  const { asyncId } = await call<{ asyncId: string }>('batch', 'run', batch);
  print(`batch.run: batch ${asyncId} has ${jobs.length} jobs; the last one asks for an unknown contact.`);
  const progress = () => call<{ progress: number }>('batch', 'progress', { async: asyncId });
  while ((await progress()).progress < 100) await sleep(50);
  const { results } = await call<List<Result>>('batch', 'results', { async: asyncId });
  for (const { namespace, action, status, response } of results)
    print(`  ${namespace}.${action} ${status}: ${shortened(JSON.stringify(response))}`);

  type Invited = List<{ firstName: string; response: string }>;
  const invited = await call<Invited>('event', 'getInvitedContactList', { eventId: event.id, ...page });
  const answers = invited.results.map(({ firstName, response }) => `${firstName} (${response})`);
  print(`event.getInvitedContactList: ${answers.join(', ')}; U is undecided.`);
}

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

async function makeKey(url: string, adminKey: string): Promise<SigningKey> {
  const permissions = ['test.*', 'event.*', 'contact.*'];
  const response = await fetch(`${url}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'the iVvy example', permissions, signing: 'IWS' }),
  });
  if (!response.ok) throw new Error(`POST /v1/keys: ${response.status} ${await response.text()}`);
  return (await response.json()) as SigningKey;
}

/** Signs each call by the steps of iVvy's documentation. */
function signedCalls(url: string, { key, secret }: SigningKey) {
  return async <Answer>(namespace: string, action: string, params: object = {}): Promise<Answer> => {
    const path = `/api/1.0/${namespace}?action=${action}`;
    const body = JSON.stringify(params);
    const md5 = createHash('md5').update(body).digest('hex');
    const date = new Date().toISOString().slice(0, 19).replace('T', ' ');
    const toSign = `POST${md5}application/json${path}1.0ivvydate=${date}`.toLowerCase();
    const signature = createHmac('sha1', secret).update(toSign).digest('hex');
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: {
        'Content-MD5': md5,
        'Content-Type': 'application/json',
        'X-Api-Version': '1.0',
        'IVVY-Date': date,
        'X-Api-Authorization': `IWS ${key}:${signature}`,
      },
      body,
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${namespace}.${action}: ${JSON.stringify(answer)}`);
    return answer as Answer;
  };
}
