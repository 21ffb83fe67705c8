/** The demo's data: an event, contacts, and one batch that mixes three kinds of jobs. */
import type { DemoClient, Job, Result } from './client.ts';

export interface DemoEvent {
  id: number;
  name: string;
  races: { id: number; name: string }[];
}

const CONTACTS = 40;
const INVITED_AT_ONCE = 10;
const PARTICIPANTS = 5000;
const STORED_AT_ONCE = 500;

const FIRST_NAMES = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Alan', 'Radia'];
const LAST_NAMES = ['Lovelace', 'Hopper', 'Dijkstra', 'Liskov', 'Knuth', 'Allen', 'Turing', 'Perlman'];

/** One action, called alone. */
export async function addEvent(client: DemoClient): Promise<DemoEvent> {
  const name = 'Lakeside Run';
  const params = { name, races: [{ name: '10 km' }, { name: '5 km' }] };
  const job = { namespace: 'event', action: 'addOrUpdateEvent', params };
  const { id, races } = await client.call<Pick<DemoEvent, 'id' | 'races'>>(job);
  return { id, name, races };
}

/** In a batch of its own, because the invitations need the contacts; returns their ids. */
export async function addContacts(client: DemoClient): Promise<number[]> {
  const jobs = Array.from({ length: CONTACTS }, (_, n): Job => {
    const params = { ...nameOf(n), email: `contact-${n}@example.com` };
    return { namespace: 'contact', action: 'addOrUpdateContact', params };
  });
  const asyncId = await client.run(jobs);
  await client.follow(asyncId);
  return (await client.results<{ id: number }>(asyncId)).map(({ response }) => response.id);
}

/** Invitations, participants, and finally a job that must fail. */
export function mixedJobs(event: DemoEvent, contacts: readonly number[]): Job[] {
  const jobs: Job[] = [];
  for (let from = 0; from < contacts.length; from += INVITED_AT_ONCE) {
    const params = { event: event.id, contacts: contacts.slice(from, from + INVITED_AT_ONCE) };
    jobs.push({ namespace: 'event', action: 'inviteContacts', params });
  }
  for (let from = 0; from < PARTICIPANTS; from += STORED_AT_ONCE)
    jobs.push(storing(event.id, participants(event, from, STORED_AT_ONCE)));
  jobs.push(storing(event.id + 1000, participants(event, 0, 1)));
  return jobs;
}

/** What the jobs of `mixedJobs` respond with: each has some of these. */
export interface MixedResponse {
  results?: { inviteLinkYes?: string }[];
  stored?: number;
  errorCode?: number;
  message?: string;
}

/** A summary of the results of `mixedJobs`. */
export interface Outcome {
  succeeded: number;
  failed: Result<MixedResponse>[];
  /** The links of the invitations. */
  links: string[];
  /** The number of participants, and of the jobs that stored them. */
  stored: number;
  storingJobs: number;
}

/** Throws when a job did not end as expected. */
export function outcomeOf(results: readonly Result<MixedResponse>[]): Outcome {
  const failed = results.filter(({ status }) => status === 'failed');
  const invited = results.flatMap(({ response }) => response.results ?? []);
  const stored = results.flatMap(({ response }) => response.stored ?? []);
  const outcome = {
    succeeded: results.length - failed.length,
    failed,
    links: invited.flatMap(({ inviteLinkYes }) => inviteLinkYes ?? []),
    stored: stored.reduce((total, count) => total + count, 0),
    storingJobs: stored.length,
  };
  if (failed.length !== 1 || outcome.stored !== PARTICIPANTS || outcome.links.length !== CONTACTS)
    throw new Error(`the results are not those expected: ${JSON.stringify(outcome)}`);
  return outcome;
}

function storing(eventId: number, rows: object[]): Job {
  const params = { event_id: eventId, participants: rows };
  return { namespace: 'participants', action: 'storeMultiple', params };
}

function participants({ races }: DemoEvent, from: number, count: number): object[] {
  return Array.from({ length: count }, (_, offset) => {
    const n = from + offset;
    const { firstName, lastName } = nameOf(n);
    return {
      unique_id: `runner-${n}`,
      first_name: firstName,
      last_name: lastName,
      date_of_birth: `${1950 + (n % 50)}-06-15`,
      race_id: races[n % races.length]?.id,
      start_number: String(n + 1),
      chip_code: String(n).padStart(7, '0'),
    };
  });
}

function nameOf(n: number): { firstName: string; lastName: string } {
  const [firstName = '', lastName = ''] = [
    FIRST_NAMES[n % FIRST_NAMES.length],
    LAST_NAMES[(n >> 3) % LAST_NAMES.length],
  ];
  return { firstName, lastName };
}
