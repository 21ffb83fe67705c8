/**
 * The lanes of one queue. A lane is for a message that has jobs to start:
 *
 * - When all its jobs run, or wait for slots that runs of the same message hold, the lane goes to another
 *   message.
 * - Jobs that find every slot of their action taken by other messages return to the queue, for a worker with
 *   a free slot.
 * - Jobs of a batch that would run long after those of an earlier message of the same batch return to the
 *   queue too: more messages were fetched before it was known how long a run takes.
 * - Jobs that have not started return to the queue when another batch, or a retry of their own, has waited long
 *   enough for their place. They do not for a batch of their tenant whose priority is lower.
 * - Jobs that wait for a limit need no lane. Most of them are held in the queue until there are permits for them. So are
 *   those in hand while jobs of a batch of their tenant with a higher priority wait for the same limit.
 */
import { toAsyncId } from '../domain/batch.ts';
import type { JobGroup } from '../pipeline/run/open-jobs.ts';
import { type MessageWork, type RunChunkDeps, runChunk } from '../pipeline/run/run-chunk.ts';
import { sendToQuarantine } from '../pipeline/run/send-to-quarantine.ts';
import { type WaitingJobs, WaitingReports } from '../pipeline/throttle/waiting-reports.ts';
import { type Room, SMALL_PER_LANE, sizeOfMessage } from '../queue/fetch-chunks.ts';
import { type ChunkMessage, isRetry } from '../queue/messages.ts';
import type { Claim, Lane, Lanes, ChunkLanes as QueueLanes } from '../queue/queue.ts';
import { waitingBatches } from '../queue/waiting-batches.ts';
import { type ChunkEnd, chunkClaimed, chunkEnded } from '../telemetry/events.ts';
import { HeldJobs } from './held-jobs.ts';

const REVIEW_MS = 25;
/** A lane does not wait for runs that take longer than this. */
const LONG_RUN_MS = 25;
/** When no job could start for this long, the jobs wait for slow runs. */
const STUCK_MS = 50;
/** A batch may keep others waiting for this long. */
const YIELD_MS = 500;

/** While so many messages are in hand, jobs that wait for a limit do not stay. */
const MAX_IN_HAND = 256;

/** A message in hand. */
interface Hand {
  lane: Lane;
  /** Of its jobs; absent when they have several. */
  action: string | undefined;
  hasLane: boolean;
  /** How much of a lane it takes. */
  size: number;
  since: number;
  /** Its jobs have waited for another run, and do not wait for those of their batch. */
  isRetry: boolean;
  /** The batch's. */
  priority: number;
  /** Null until its jobs are known. */
  work: MessageWork | null;
}

/** Starts the lanes. `stop` resolves when every lane has settled or returned its message. */
export function startChunkLanes(
  deps: RunChunkDeps & { concurrency: number },
  queue: string,
): Pick<Lanes, 'stop'> {
  return new ChunkLanes(deps, queue);
}

class ChunkLanes {
  readonly #deps: RunChunkDeps & { concurrency: number };
  readonly #queue: string;
  readonly #lanes: QueueLanes;
  readonly #heldJobs: HeldJobs;
  readonly #waitingReports: WaitingReports;
  readonly #hands = new Set<Hand>();
  /** The room at the last fetch: it may have left messages of these actions in the queue. */
  #room: Room = { free: {}, later: {} };
  /** Actions of which the last fetch has taken one later chunk, and may have left others. */
  readonly #oneTaken = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;

  constructor(deps: RunChunkDeps & { concurrency: number }, queue: string) {
    this.#deps = deps;
    this.#queue = queue;
    this.#lanes = deps.queue.chunkLanes(queue, (claim, lane) => this.#work(claim, lane), {
      lanes: deps.concurrency,
      room: () => {
        this.#room = this.#withoutLoading(deps.slots.room());
        return this.#room;
      },
    });
    deps.slots.onFree((action) => {
      const { free, later } = this.#room;
      const isLeft =
        (action in free && deps.slots.hasRoom(action)) ||
        ((later[action] === 0 || this.#oneTaken.has(action)) && !deps.slots.hasEnough(action));
      if (!isLeft) return;
      this.#oneTaken.delete(action);
      this.#lanes.wake();
    });
    this.#heldJobs = new HeldJobs({ ...deps, hasRoom: () => this.#hands.size < MAX_IN_HAND }, this.#lanes);
    this.#waitingReports = new WaitingReports(deps, () => this.#waiting());
    deps.throttle.onChange((actions) => this.#limitsChanged(actions));
  }

  async stop(): Promise<void> {
    await this.#heldJobs.stop();
    await this.#lanes.stop();
    clearInterval(this.#timer);
    await this.#waitingReports.stop();
  }

  async #work(claim: Claim<ChunkMessage>, lane: Lane): Promise<void> {
    const { batch, chunk, attempt, action = '' } = claim.message;
    if (chunk > 0 && this.#room.later[action] === 1) this.#oneTaken.add(action);
    const fields = { queue: this.#queue, asyncId: toAsyncId(batch), chunk, attempt };
    chunkClaimed.emit(fields);
    const end = await this.#workOn(claim, lane);
    chunkEnded.emit({ ...fields, end });
  }

  async #workOn(claim: Claim<ChunkMessage>, lane: Lane): Promise<ChunkEnd> {
    // A message that was claimed before and not settled may have killed its worker.
    if (claim.retryCount > 0) {
      await sendToQuarantine(this.#deps, this.#queue, claim);
      return 'quarantined';
    }
    const hand: Hand = {
      lane,
      action: claim.message.action,
      hasLane: true,
      size: sizeOfMessage(claim),
      since: performance.now(),
      isRetry: isRetry(claim.message),
      priority: claim.message.priority ?? 0,
      work: null,
    };
    this.#hands.add(hand);
    this.#timer ??= setInterval(() => this.#review(), REVIEW_MS);
    const onWork = (work: MessageWork) => {
      hand.work = work;
      if (isLimited(work)) this.#waitingReports.soon();
    };
    const onReturned = () => this.#waitingReports.soon();
    try {
      return await runChunk(this.#deps, this.#queue, claim, { onWork, onReturned });
    } finally {
      this.#hands.delete(hand);
      if (!hand.work) this.#lanes.wake();
      if (isLimited(hand.work)) {
        this.#heldJobs.wake();
        this.#waitingReports.soon();
      }
    }
  }

  /**
   * A message whose jobs are not known yet has one at least: its slot is not for another message, whose jobs might be
   * loaded sooner although their batch has a lower priority.
   */
  #withoutLoading({ free, later }: Room): Room {
    const left = { ...free };
    for (const { action = '', work } of this.#hands) if (!work && left[action]) left[action]--;
    return { free: left, later };
  }

  /** The jobs in hand that wait for limits, by batch and bucket. */
  #waiting(): WaitingJobs[] {
    const sums = new Map<string, WaitingJobs>();
    for (const { work } of this.#hands) {
      for (const { gate, isThrottled, open, leaving } of work?.jobs.groups ?? []) {
        const waiting = leaving + (isThrottled ? open : 0);
        if (!work || !gate || waiting === 0) continue;
        const { batch, tenant } = work;
        const key = `${batch} ${gate.holdBy}`;
        sums.set(key, { batch, tenant, bucket: gate.holdBy, jobs: waiting + (sums.get(key)?.jobs ?? 0) });
      }
    }
    return [...sums.values()];
  }

  /** Jobs that have not started are looked at again. */
  #limitsChanged(actions: ReadonlySet<string>): void {
    for (const { work } of this.#hands) {
      const changed =
        work?.jobs.groups.filter(({ open, entry }) => open > 0 && actions.has(entry.name)) ?? [];
      for (const group of changed) group.pausedBy = this.#deps.throttle.pausedBy(group.entry.name);
      if (changed.length > 0) work?.handBack(changed);
    }
  }

  #review(): void {
    if (this.#hands.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    for (const hand of this.#hands) this.#reviewHand(hand, now);
    this.#letPass();
    if (now - this.#lookedAt < YIELD_MS) return;
    this.#lookedAt = now;
    this.#yield(now).catch(() => {}); // the database is away: without it no message can be fetched anyway
  }

  #reviewHand(hand: Hand, now: number): void {
    const { work, since } = hand;
    if (!work || !hand.hasLane) return;
    const stands = now - (work.jobs.startedAt ?? since);
    if (work.jobs.size === 0) {
      if (stands >= LONG_RUN_MS && work.jobs.groups.some(({ running }) => running > 0)) release(hand);
      return;
    }
    const surplus = work.jobs.groups.filter((group) => this.#isSurplus(hand, work, group));
    if (surplus.length > 0) work.handBack(surplus);
    if (work.jobs.groups.every(({ open, isThrottled }) => open === 0 || isThrottled)) {
      release(hand);
      if (this.#hands.size > MAX_IN_HAND) work.handBack();
    }
    if (stands < STUCK_MS) return;
    const stuck = work.jobs.groups.filter(({ open, slot }) => open > 0 && slot.isFull);
    const ofOthers = stuck.filter(({ running }) => running === 0);
    if (ofOthers.length > 0) work.handBack(ofOthers);
    if (
      stuck.length > ofOthers.length &&
      work.jobs.groups.every(({ open, slot }) => open === 0 || slot.isFull)
    )
      release(hand);
  }

  /** True when an earlier message of the same batch has jobs enough for the action's slots. */
  #isSurplus(hand: Hand, { batch }: MessageWork, { open, slot }: JobGroup): boolean {
    if (open === 0 || hand.isRetry || slot.backlogMs < YIELD_MS) return false;
    return [...this.#hands].some(
      ({ since, work }) =>
        since < hand.since &&
        work?.batch === batch &&
        work.jobs.groups.some((group) => group.slot === slot && group.open > 0),
    );
  }

  /** Jobs with limits leave the next permits to those of their tenant with a higher priority. */
  #letPass(): void {
    const hands = [...this.#hands];
    if (hands.every(({ priority }) => priority === hands[0]?.priority)) return;
    const waiting = hands.flatMap(({ work, priority }) =>
      (work?.jobs.groups ?? [])
        .filter(({ isThrottled }) => isThrottled)
        .map(({ gate, open }) => ({ bucket: gate?.holdBy, tenant: work?.tenant, priority, jobs: open })),
    );
    for (const { work, priority } of hands) {
      const outranked = work?.jobs.groups.filter(({ open, gate }) => {
        if (open === 0 || !gate) return false;
        const ahead = waiting
          .filter(({ bucket, tenant }) => bucket === gate.holdBy && tenant === work.tenant)
          .reduce((sum, other) => (other.priority > priority ? sum + other.jobs : sum), 0);
        return ahead > 0 && this.#deps.throttle.isEnough(gate.holdBy, ahead);
      });
      if (outranked && outranked.length > 0) work?.handBack(outranked);
    }
  }

  /**
   * Other batches, or retries of the same one, may have waited long enough for the places of these messages.
   */
  async #yield(now: number): Promise<void> {
    const old = [...this.#hands].filter(
      ({ work, since }) => work && work.jobs.size > 0 && now - since >= YIELD_MS,
    );
    if (old.length === 0) return;
    for (const hand of old) this.#yieldPermits(hand);
    const waiting = await waitingBatches(this.#deps.pool, this.#queue);
    const taken = [...this.#hands].reduce((sum, { hasLane, size }) => sum + (hasLane ? size : 0), 0);
    const needLane = taken > (this.#deps.concurrency - 1) * SMALL_PER_LANE;
    for (const { work, hasLane, priority } of old) {
      const mine = new Set(work?.jobs.groups.flatMap(({ open, entry }) => (open > 0 ? entry.name : [])));
      const isAwaited = waiting.some(
        ({ action, isDelayed, ...other }) =>
          (other.batch !== work?.batch || isDelayed) &&
          (other.tenant !== work?.tenant || other.priority >= priority) &&
          (mine.has(action) || (hasLane && needLane && this.#deps.slots.hasRoom(action))),
      );
      if (isAwaited) work?.handBack();
    }
  }

  /** Batches whose jobs are held in the same bucket have their turn. */
  #yieldPermits({ work, priority }: Hand): void {
    const awaited = work?.jobs.groups.filter(
      ({ open, gate }) => open > 0 && gate && this.#heldJobs.isAwaited(gate.holdBy, { ...work, priority }),
    );
    if (awaited && awaited.length > 0) work?.handBack(awaited);
  }
}

function isLimited(work: MessageWork | null): boolean {
  return work?.jobs.groups.some(({ gate }) => gate) ?? false;
}

function release(hand: Hand): void {
  if (!hand.hasLane) return;
  hand.hasLane = false;
  hand.lane.release();
}
