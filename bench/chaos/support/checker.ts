/**
 * The one checker of all programs. It uses only the API and the receiver's log, not tables or processes:
 * every job has exactly one result, counts add up at every poll, a batch ends once, and its one webhook-id is
 * delivered with a valid signature.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Batch } from '../../../src/client/index.ts';
import { until } from '../../support/until.ts';
import type { Finding } from '../program.ts';
import type { Api, ChaosResult } from './api.ts';
import type { Received, Receiver } from './receiver.ts';

/** An acknowledged batch. */
export interface Watched {
  asyncId: string;
  jobs: number;
  /** The API with the key that submitted it. */
  api?: Api | undefined;
  tenant?: string;
  /** The name of its callback; absent when it has none. */
  callback?: string | undefined;
  /** Checks a job's result; by default it must be succeeded with `n`, its index, in the response. */
  isRight?(result: ChaosResult): boolean;
}

export interface Checker extends AsyncDisposable {
  /** Polls it from now on. */
  watch(batch: Watched): void;
  /** How many of them have not ended, according to the last polls. */
  unfinished(): number;
  /**
   * Waits until all have ended, then reads every result and the receiver's log.
   *
   * @param done what was done, for the table
   */
  conclude(done: string, options: { withinMs: number; signal: AbortSignal }): Promise<Finding[]>;
}

const ROUND_MS = 250;
/** Batches polled per round: the checker shares two cores with the product. */
const ROUND_BATCHES = 15;
/** A callback that is wrongly sent again comes soon after. */
const LATE_MS = 2_000;

export function startChecker(api: Api, receiver: Receiver): Checker {
  const watched: Watched[] = [];
  const last = new Map<string, Batch>();
  const ended = new Set<string>();
  const faults: string[] = [];
  let polls = 0;
  let unanswered = 0;
  const stopping = new AbortController();

  async function poll(batch: Watched): Promise<void> {
    const { asyncId } = batch;
    const view = await (batch.api ?? api).batch(asyncId);
    if (!view) {
      unanswered += 1;
      return;
    }
    polls += 1;
    const before = last.get(asyncId);
    faults.push(...wrongOf(batch, view, before).map((fault) => `${asyncId}: ${fault}`));
    last.set(asyncId, view);
    if (isEnded(view)) ended.add(asyncId);
  }

  async function pollAll(): Promise<void> {
    for (let from = 0; !stopping.signal.aborted; from += ROUND_BATCHES) {
      const open = watched.filter(({ asyncId }) => !ended.has(asyncId));
      if (from >= open.length) from = 0;
      for (const batch of open.slice(from, from + ROUND_BATCHES))
        await poll(batch).catch((error: Error) => {
          if (!stopping.signal.aborted) faults.push(error.message);
        });
      await wait(ROUND_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }
  const polling = pollAll();

  return {
    watch: (batch) => watched.push(batch),
    unfinished: () => watched.length - ended.size,

    async conclude(done, { withinMs, signal }) {
      const late = AbortSignal.timeout(withinMs);
      const limit = AbortSignal.any([signal, late]);
      const delivered = () =>
        watched.every((batch) => batch.callback === undefined || isDelivered(batch, receiver));
      await until(() => ended.size === watched.length && delivered(), { signal: limit, everyMs: 100 }).catch(
        () => signal.throwIfAborted(),
      );
      await wait(LATE_MS, undefined, { signal });
      // Polled again: an end is final.
      for (const batch of watched.slice(0, 500)) await poll(batch);
      return [
        await results(done, watched, api, signal),
        {
          done: '',
          must: 'counts add up at every poll, none falls, an end is final',
          came: `${polls} polls answered, ${unanswered} not; ${shown(faults)}`,
          held: faults.length === 0 && polls > 0,
        },
        ...callbacks(watched, receiver),
      ];
    },

    async [Symbol.asyncDispose]() {
      stopping.abort();
      await polling;
    },
  };
}

function isEnded({ state }: Batch): boolean {
  return state === 'completed' || state === 'cancelled';
}

function isDelivered({ asyncId }: Watched, { log }: Receiver): boolean {
  return log.some((received) => received.asyncId === asyncId && received.accepted);
}

function wrongOf({ jobs }: Watched, view: Batch, before: Batch | undefined): string[] {
  const { total, pending, waiting, running, succeeded, failed, cancelled, skipped } = view.counts;
  const faults: string[] = [];
  const sum = pending + waiting + running + succeeded + failed + cancelled + skipped;
  if (sum !== total || total !== jobs) faults.push(`counts of ${sum}, total ${total}, jobs ${jobs}`);
  if (pending < 0 || waiting < 0 || running < 0) faults.push('a count below 0');
  if (isEnded(view) && pending + waiting + running > 0) faults.push(`${view.state} with jobs pending`);
  if ((view.progress === 100) !== isEnded(view)) faults.push(`${view.state} at ${view.progress} %`);
  for (const name of ['succeeded', 'failed', 'cancelled', 'skipped'] as const)
    if (before && view.counts[name] < before.counts[name]) faults.push(`${name} fell`);
  if (before && isEnded(before) && !isEnded(view)) faults.push('it had ended, and has not');
  return faults;
}

async function results(
  done: string,
  watched: readonly Watched[],
  api: Api,
  signal: AbortSignal,
): Promise<Finding> {
  const sums = { jobs: 0, found: 0, missing: 0, twice: 0, wrong: 0 };
  const examples: string[] = [];
  for (const batch of watched) {
    const all = await until(() => (batch.api ?? api).results(batch.asyncId), { signal, everyMs: 200 });
    const indexes = new Set(all.map(({ index }) => index));
    sums.jobs += batch.jobs;
    sums.found += all.length;
    sums.missing += batch.jobs - indexes.size;
    sums.twice += all.length - indexes.size;
    const isRight = batch.isRight ?? isEchoed;
    for (const result of all)
      if (!isRight(result)) {
        sums.wrong += 1;
        if (examples.length < 3) examples.push(JSON.stringify(result).slice(0, 300));
      }
  }
  const { jobs, found, missing, twice, wrong } = sums;
  return {
    done,
    must: `${jobs} jobs of ${watched.length} batches: each exactly one result, the right one`,
    came: `${found} results, ${missing} lost, ${twice} twice, ${wrong} wrong ${examples.join(' ')}`.trim(),
    held: found === jobs && missing === 0 && twice === 0 && wrong === 0 && jobs > 0,
  };
}

/** The expected result of a job of `notes` or `planned`. */
function isEchoed({ status, index, request, response, attempts }: ChaosResult): boolean {
  const { fails, skippedBy, fromJob } = request as Record<string, unknown>;
  if (fails) return status === 'failed' && response.message === 'as it was asked to';
  if (skippedBy !== undefined)
    return status === 'skipped' && response.causedBy === skippedBy && attempts === 0;
  return status === 'succeeded' && response.n === index && response.from === fromJob;
}

/** The same, at the first attempt. */
export function isUncharged(result: ChaosResult): boolean {
  return isEchoed(result) && result.attempts === (result.status === 'skipped' ? 0 : 1);
}

function callbacks(watched: readonly Watched[], { log }: Receiver): Finding[] {
  const called = watched.filter(({ callback }) => callback !== undefined);
  if (called.length === 0) return [];
  const byBatch = Map.groupBy(log, ({ asyncId }) => asyncId);
  const faults = called.flatMap((batch) => wrongCallbacks(batch, byBatch.get(batch.asyncId) ?? []));
  const requests = called.reduce((sum, { asyncId }) => sum + (byBatch.get(asyncId)?.length ?? 0), 0);
  const ids = new Set(
    called.flatMap(({ asyncId }) => byBatch.get(asyncId)?.map(({ webhookId }) => webhookId) ?? []),
  );
  return [
    {
      done: '',
      must: `${called.length} completions: one webhook-id each, delivered, rightly signed, with every result`,
      came: `${ids.size} webhook-ids, ${requests} requests; ${shown(faults)}`,
      held: faults.length === 0 && ids.size === called.length,
    },
  ];
}

function wrongCallbacks(
  { asyncId, jobs, tenant = 'default' }: Watched,
  received: readonly Received[],
): string[] {
  const faults: string[] = [];
  const ids = new Set(received.map(({ webhookId }) => webhookId));
  if (ids.size !== 1) faults.push(`${ids.size} webhook-ids`);
  if (!received.some(({ accepted }) => accepted)) faults.push('not delivered');
  if (received.some(({ signedBy }) => signedBy !== tenant)) faults.push('a wrong signature');
  const isWhole = ({ indexes }: Received) =>
    indexes.length === jobs && indexes.every((index, at) => index === at);
  if (!received.every(isWhole)) faults.push('a body without all results');
  return faults.map((fault) => `${asyncId}: ${fault}`);
}

/** The first few of them, and their number. */
function shown(faults: readonly string[]): string {
  return faults.length === 0 ? 'nothing wrong' : `${faults.length} wrong: ${faults.slice(0, 3).join('; ')}`;
}
