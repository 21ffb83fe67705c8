/** The demo's data: an event, contacts, and one batch that mixes three kinds of jobs. */
import type { Batchwright, Job, JobError, Result } from '../client/index.ts';

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
export async function addEvent({ actions }: Batchwright, signal: AbortSignal): Promise<DemoEvent> {
  const name = 'Lakeside Run';
  const params = { name, races: [{ name: '10 km' }, { name: '5 km' }] };
  type Added = Pick<DemoEvent, 'id' | 'races'>;
  const { id, races } = await actions.run<Added>('event.addOrUpdateEvent', params, { signal });
  return { id, name, races };
}

/** In a batch of its own, because the invitations need the contacts; returns their ids. */
export async function addContacts({ batches }: Batchwright, signal: AbortSignal): Promise<number[]> {
  const jobs = Array.from({ length: CONTACTS }, (_, n): Job => {
    const params = { ...nameOf(n), email: `contact-${n}@example.com` };
    return { namespace: 'contact', action: 'addOrUpdateContact', params };
  });
  const { asyncId } = await batches.createAndWait({ jobs }, { signal });
  const ids: number[] = [];
  for await (const { status, response } of batches.results<{ id: number }>(asyncId, { signal })) {
    if (status !== 'succeeded') throw new Error(`a contact was not added: ${JSON.stringify(response)}`);
    ids.push(response.id);
  }
  return ids;
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

/** The responses of the jobs of `mixedJobs` that succeed: each has one of these. */
export interface MixedResponse {
  results?: { inviteLinkYes?: string }[];
  stored?: number;
}

/** A summary of the results of `mixedJobs`. */
export interface Outcome {
  succeeded: number;
  failed: { namespace: string; action: string; response: JobError }[];
  /** The links of the invitations. */
  links: string[];
  /** The number of participants, and of the jobs that stored them. */
  stored: number;
  storingJobs: number;
}

/** Throws when a job did not end as expected. */
export function outcomeOf(results: readonly Result<MixedResponse>[]): Outcome {
  const failed = results.filter((result) => result.status === 'failed');
  const succeeded = results.filter((result) => result.status === 'succeeded');
  const invited = succeeded.flatMap(({ response }) => response.results ?? []);
  const stored = succeeded.flatMap(({ response }) => response.stored ?? []);
  const outcome = {
    succeeded: succeeded.length,
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
