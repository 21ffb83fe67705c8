/** Reads the participants of an import, checks all of them, and makes its jobs. */
import { type FromSchema, NonRetryableError } from 'batchwright/plugin';
import type { participant } from '#schemas/lib/participant.ts';
import { FieldErrors } from './envelope.ts';
import { fieldErrors } from './field-errors.ts';

type Participant = FromSchema<typeof participant>;

const MAX_PARTICIPANTS = 100_000;
/** A participant has 6 KB at most, unless it has blanks or unknown fields. */
export const MAX_PARTICIPANT_BYTES = 64 * 1024;
const TOO_LARGE = Symbol('too large');
/** Participants of one job, and the characters of their texts: more would block the event loop at the job's JSON. */
const JOB_PARTICIPANTS = 4000;
const JOB_CHARACTERS = 1_000_000;

/** Parses a participant, or notes that its text is too long to be one: parsing it would block the event loop. */
export function parseParticipant(text: string): unknown {
  return text.length > MAX_PARTICIPANT_BYTES ? TOO_LARGE : JSON.parse(text);
}

/**
 * The participants by unique_id, as if each later row had updated the earlier one. They are merged here because the
 * jobs of a batch run at once: two jobs with one unique_id would store its rows in any order. So they are held until
 * the batch is stored. Throws 422 that names the wrong rows, also those with a race that the event does not have; and
 * for more than 100,000.
 *
 * @param elements parsed by `parseParticipant`
 */
export async function readParticipants(
  elements: AsyncIterable<unknown>,
  eventId: number,
  races: ReadonlySet<number>,
): Promise<Map<string, Participant>> {
  const participants = new Map<string, Participant>();
  const errors = new FieldErrors();
  let index = 0;
  for await (const element of elements) {
    if (index === MAX_PARTICIPANTS)
      throw new NonRetryableError(`There must be at most ${MAX_PARTICIPANTS} participants in one request`, {
        errorCode: 422,
      });
    for (const error of rowErrors(element, eventId, races)) errors.add({ index, ...error });
    if (errors.count === 0) merge(participants, element as Participant);
    else participants.clear(); // nothing will be stored
    index++;
  }
  errors.throwIfAny();
  return participants;
}

function rowErrors(row: unknown, eventId: number, races: ReadonlySet<number>) {
  if (row === TOO_LARGE)
    return [{ field: null, message: `must have at most ${MAX_PARTICIPANT_BYTES} characters` }];
  const errors = fieldErrors(row);
  if (errors.some(({ field }) => field === 'race_id' || field === null)) return errors;
  if (!races.has((row as Participant).race_id))
    errors.push({ field: 'race_id', message: `is not a race of event ${eventId}` });
  return errors;
}

function merge(participants: Map<string, Participant>, row: Participant): void {
  const earlier = participants.get(row.unique_id);
  participants.set(row.unique_id, earlier ? { ...earlier, ...row } : row);
}

/** The jobs that store them; one without participants when there are none. Empties the map. */
export function* jobsOf(eventId: number, participants: Map<string, Participant>): Generator<object> {
  const jobOf = (some: Participant[]) => ({
    namespace: 'participants',
    action: 'storeMultiple',
    params: { event_id: eventId, participants: some },
  });
  let some: Participant[] = [];
  let characters = 0;
  if (participants.size === 0) yield jobOf(some);
  for (const [uniqueId, row] of participants) {
    participants.delete(uniqueId);
    some.push(row);
    characters += charactersOf(row);
    const isFull = some.length >= JOB_PARTICIPANTS || characters >= JOB_CHARACTERS;
    if (!isFull && participants.size > 0) continue;
    yield jobOf(some);
    some = [];
    characters = 0;
  }
}

function charactersOf(row: Participant): number {
  let characters = 0;
  for (const value of Object.values(row)) if (typeof value === 'string') characters += value.length;
  return characters;
}
