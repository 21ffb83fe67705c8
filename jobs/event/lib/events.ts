import { NonRetryableError } from 'batchwright/plugin';
import type { AddOrUpdateEvent } from '#schemas/event/addOrUpdateEvent.ts';
import { withUtc } from '../../lib/timestamps.ts';
import type { StoredEvent } from './event-rows.ts';

/** The event to store. Without an id it is new and gets one; with a null code it gets a new code. */
export type MergedEvent = Omit<StoredEvent, 'id' | 'code'> & { id: number | undefined; code: string | null };

/**
 * Decides which event is meant, and what it becomes: sent values in place of the stored ones.
 *
 * @param found the events that have the id, the externalEventId or the code that was sent
 * @throws NonRetryableError when another event has the externalEventId or the code, when a new event has no
 *   title, and when the end is before the start
 */
export function mergeEvent(
  { id: sentId, title, name, ...sent }: Omit<AddOrUpdateEvent, 'races'>,
  found: readonly StoredEvent[],
): MergedEvent {
  const byExternalId = found.find(
    ({ externalEventId }) => externalEventId !== null && externalEventId === sent.externalEventId,
  );
  const id = sentId ?? byExternalId?.id;
  if (byExternalId && byExternalId.id !== id)
    throw taken('externalEventId', byExternalId.externalEventId ?? '', byExternalId);
  const byCode = found.find(({ code }) => code === sent.code);
  if (byCode && byCode.id !== id) throw taken('code', byCode.code, byCode);

  const stored = found.find((event) => event.id === id);
  const newTitle = title ?? name ?? stored?.title;
  if (newTitle === undefined) throw missingTitle(sentId);
  const merged = {
    id,
    title: newTitle,
    code: sent.code ?? stored?.code ?? null,
    externalEventId: sentOrStored(sent.externalEventId, stored?.externalEventId),
    startDateTime: sentOrStored(withUtcOrNull(sent.startDateTime), stored?.startDateTime),
    endDateTime: sentOrStored(withUtcOrNull(sent.endDateTime), stored?.endDateTime),
  };
  requireOrder(merged, sent.endDateTime === undefined ? 'startDateTime' : 'endDateTime');
  return merged;
}

/** Null that was sent clears the stored value. */
function sentOrStored(sent: string | null | undefined, stored: string | null = null): string | null {
  return sent === undefined ? stored : sent;
}

function withUtcOrNull(timestamp: string | null | undefined): string | null | undefined {
  return typeof timestamp === 'string' ? withUtc(timestamp) : timestamp;
}

function taken(member: string, value: string, owner: StoredEvent): NonRetryableError {
  return new NonRetryableError(`The ${member} "${value}" belongs to event ${owner.id}`);
}

function missingTitle(id: number | undefined): NonRetryableError {
  return new NonRetryableError("'title' is required", {
    errorCode: 400,
    specificCode: 23017,
    additionalMessages: [`params.title is required, because there is no event ${id} yet`],
  });
}

/** Compares the texts: the years have four digits. */
function requireOrder({ startDateTime, endDateTime }: MergedEvent, member: string): void {
  if (startDateTime === null || endDateTime === null || startDateTime <= endDateTime) return;
  throw new NonRetryableError(`'${member}' does not validate`, {
    errorCode: 400,
    specificCode: 23016,
    additionalMessages: [
      `params.${member}: the end, ${endDateTime}, must not be before the start, ${startDateTime}`,
    ],
  });
}
