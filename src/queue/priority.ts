/**
 * The numbers that order chunk messages: pg-boss's `priority`, made of a message's class and of its batch's priority.
 * Each class is one range of numbers, and so one range of the index; the batches with the highest priority are first in
 * each. Messages that are not yet due come after those that are.
 */
import { MAX_PRIORITY } from '../domain/batch-options.ts';

/** Chunks of one priority that are told apart by their number; those after them count as alike. */
const SPAN = 2_000_000;

// For the priority 0. Messages of the previous release have numbers around 0: they count as first chunks, and come first.
const FIRST = -300_000_000;
const SMALL = -500_000_000;
const LATER = -1_200_000_000;
const DELAYED = -2_000_000_000;

/** Where the range of small chunks begins, and that of later chunks: halfway from the one class to the next. */
const UP_TO_SMALL = -400_000_000;
const UP_TO_LATER = -600_000_000;
/** The highest number of a delayed message. */
const UP_TO_DELAYED = DELAYED + MAX_PRIORITY;

export interface MessageClass {
  /** Its range of the index. That of delayed messages has a part for each priority: `delayed` names one. */
  where(delayed: string): string;
  order: string;
  /** The batch's priority. */
  level: string;
  /** Of rows with `level` and `priority`, in their order: the place among those of the same level. */
  place: string;
}

/** As `partition by level`, without a sort: the rows come in the order of the index. */
const AMONG_ALIKE = 'row_number() over (order by priority desc) - rank() over (order by priority desc) + 1';

/** Small chunks, first chunks, later chunks, delayed messages. */
export const CLASSES: readonly MessageClass[] = [
  {
    where: (delayed) => `${delayed} is null and priority < ${UP_TO_SMALL} and priority > ${UP_TO_LATER}`,
    order: 'priority desc, start_after',
    level: `priority - ${SMALL}`,
    place: AMONG_ALIKE,
  },
  {
    where: (delayed) => `${delayed} is null and priority >= ${UP_TO_SMALL}`,
    order: 'priority desc, start_after',
    level: `least(${MAX_PRIORITY}, priority - ${FIRST})`,
    place: AMONG_ALIKE,
  },
  {
    where: (delayed) => `${delayed} is null and priority <= ${UP_TO_LATER} and priority > ${UP_TO_DELAYED}`,
    order: 'priority desc, start_after',
    level: `${MAX_PRIORITY} - (${LATER + MAX_PRIORITY * SPAN} - priority) / ${SPAN}`,
    place: 'row_number() over (partition by level)',
  },
  {
    where: (delayed) => `priority = ${delayed}`,
    order: 'start_after',
    level: `priority - ${DELAYED}`,
    place: 'row_number() over ()',
  },
];

/** The class of small chunks: see `CLASSES`. */
export const SMALL_CLASS = 0;
/** The classes of later chunks and of delayed messages. */
export const LATER_CLASS = 2;
export const DELAYED_CLASS = 3;

/** Condition for delayed messages. */
export const IS_DELAYED = `priority <= ${UP_TO_DELAYED}`;

interface Ordered {
  chunk: number;
  isSmall?: true | undefined;
  priority?: number | undefined;
}

/** Jobs left of a chunk whose first jobs were started get the number of a later chunk. */
export function numberOf(
  { chunk, isSmall, priority = 0 }: Ordered,
  { isDelayed = false, isRest = false } = {},
): number {
  if (isDelayed) return DELAYED + priority;
  if (isSmall && !isRest) return SMALL + priority;
  if (chunk === 0 && !isRest) return FIRST + priority;
  return LATER + priority * SPAN - Math.min(chunk, SPAN - 1);
}
