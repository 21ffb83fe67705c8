/** One bucket as this process sees it: its permits, and the jobs in hand that wait for them. */
import type { BucketAnswer, BucketAsk } from '../../store/buckets.ts';
import type { BucketLimits } from './bucket-limits.ts';
import { COUNT_MS, RecentStarts } from './recent-starts.ts';
import { Starts } from './starts.ts';

/** `hold`: these jobs must not wait in hand. `changed`: they may be able to start. */
export type WaitEnd = 'hold' | 'changed';

export interface Waiting {
  ended: Promise<WaitEnd>;
  cancel(): void;
}

interface Waiter {
  jobs(): number;
  resolve(end: WaitEnd): void;
  isAsked: boolean;
}

/** Starts are this much further apart than the rate says, so that small delays do not make them too many. */
const SLACK = 1.03;
/** The part of the period by which a start may be late. */
const TOLERANCE = 0.015;
const MAX_TOLERANCE_MS = 15;
/** Leases hold for 20 s in the database. */
const LEASE_MS = 15_000;
const MAX_STARTS = 10_000;
/** Jobs wait in hand only if fewer than this many, or those of half a second, wait in front of them. */
const MAX_WAITING = 64;
/** More than any number of runs. */
const ANY_NUMBER = 1_000_000;
/** A bucket of which other processes have all is asked for again after this time. */
const ASK_AGAIN_MS = 200;
/** Jobs of a bucket that wakes up sooner wait in hand. */
const SHORT_SLEEP_MS = 50;
/** How far in advance starts are given, in the database's function. */
const HORIZON_MS = 1000;
const IDLE_MS = 5000;

export class Bucket {
  readonly key: string;
  readonly #ask: () => void;
  #limits: BucketLimits;
  readonly #waiters = new Set<Waiter>();
  /** Starts that held messages could use. */
  #wanted = 0;
  #answered: PromiseWithResolvers<void> | null = null;
  #running = 0;
  readonly #recent = new RecentStarts();
  /** The most concurrent runs since the last tick. */
  #peak = 0;
  #held = 0;
  #heldUntil = 0;
  #isOver = false;
  #starts: Starts | null = null;
  /** True when starts are counted: by a rate, or by a pace that was found out. */
  #isPaced: boolean;
  /** The time between two starts. */
  #intervalMs: number | null = null;
  #isKnown = false;
  #asleepUntil = 0;
  #closedUntil = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  #usedAt = performance.now();
  #accepted = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param ask called when the bucket wants to be part of the next question to the database */
  constructor(key: string, limits: BucketLimits, ask: () => void) {
    this.key = key;
    this.#ask = ask;
    this.#limits = limits;
    this.#isPaced = limits.rate !== null;
  }

  /** Called when an operator has changed the limits. */
  set limits(limits: BucketLimits) {
    this.#limits = limits;
    this.#starts = null;
    this.#closedUntil = 0;
    this.#isPaced = limits.rate !== null;
    this.#isKnown = false;
    this.#wake();
  }

  /** True when a job could start now. */
  canStart(now: number): boolean {
    return this.#blockedBy(now) === null;
  }

  /** Takes the permits of a start. Only when `canStart` with the same time. */
  start(now: number): void {
    if (this.#isPaced) this.#starts?.take(now);
    this.#running++;
    this.#peak = Math.max(this.#peak, this.#running);
    this.#usedAt = now;
    this.#recent.add(now);
  }

  /** @param wasRefused by the other side */
  end(wasRefused: boolean): void {
    this.#running--;
    if (!wasRefused) this.#accepted++;
    // Others wait for what was more than this process's part.
    if (this.#isOver && this.#running <= this.#held) this.#ask();
    if (this.#waiters.size > 0) this.#wake();
  }

  /** The jobs in hand that wait for it. */
  get waitingJobs(): number {
    let jobs = 0;
    for (const waiter of this.#waiters) jobs += waiter.jobs();
    return jobs;
  }

  /** Waits for a start, with the number of jobs that could start. */
  wait(jobs: () => number): Waiting {
    const { promise, resolve } = Promise.withResolvers<WaitEnd>();
    const now = performance.now();
    const isCrowded = this.waitingJobs >= Math.max(MAX_WAITING, 2 * this.#recent.count(now));
    const waiter: Waiter = { jobs, resolve, isAsked: false };
    if (isCrowded) resolve('hold');
    else {
      this.#waiters.add(waiter);
      this.#decide(waiter, now);
    }
    return { ended: promise, cancel: () => void this.#waiters.delete(waiter) };
  }

  /** How many held jobs are needed now: they could start, or those in hand will soon have started. */
  needed(now: number): number {
    const soon = this.#startsSoon(now);
    const waiting = this.waitingJobs;
    if (waiting > 0) return waiting < soon ? soon : 0;
    return Math.max(this.#available(now), this.#isPaced ? 0 : soon);
  }

  /** True when so many jobs that wait are enough for the next quarter of a second. */
  isEnough(jobs: number): boolean {
    return jobs >= this.#startsSoon(performance.now());
  }

  /** About how many jobs will start in the next quarter of a second. */
  #startsSoon(now: number): number {
    if (this.isClosed(now)) return 0;
    if (this.#isPaced && this.#intervalMs !== null) return Math.ceil(COUNT_MS / this.#intervalMs);
    return this.#recent.count(now);
  }

  /** How many jobs could start within a second. */
  #available(now: number): number {
    const blocked = this.#blockedBy(now);
    if (blocked !== null && blocked !== 'moment') return 0;
    const runs = this.#limits.max === null ? MAX_STARTS : this.#heldNow(now) - this.#running;
    return Math.max(0, this.#isPaced ? Math.min(runs, this.#starts?.count ?? 0) : runs);
  }

  /** True when it is known that nothing more can start for now. */
  isClosed(now: number): boolean {
    return this.#limits.isPaused || now < Math.max(this.#asleepUntil, this.#closedUntil);
  }

  /** Asks for permits that held messages could use. Resolves when there is an answer. */
  want(jobs: number): Promise<void> {
    this.#wanted = jobs;
    this.#ask();
    this.#answered ??= Promise.withResolvers();
    return this.#answered.promise;
  }

  /** Nothing starts for this long. */
  sleep(milliseconds: number): void {
    this.#asleepUntil = Math.max(this.#asleepUntil, performance.now() + milliseconds);
    this.#starts = null;
    this.#isKnown = false;
    this.#wake();
  }

  /** The runs that were not refused since the last call. */
  takeAccepted(): number {
    const accepted = this.#accepted;
    this.#accepted = 0;
    return accepted;
  }

  /** What it asks the database for. */
  question(now: number): BucketAsk {
    const { max, isLocal, rate, adaptive, isPaused } = this.#limits;
    const demand = isPaused ? 0 : Math.max(this.waitingJobs, this.#wanted);
    for (const waiter of this.#waiters) waiter.isAsked = true;
    this.#askedAt = now;
    const wanted = Math.max(this.#running + demand, this.#peak);
    return {
      key: this.key,
      running: this.#running,
      wanted: max === null ? 0 : Math.max(this.#running, Math.min(max, wanted)),
      // The database only shows them.
      max: isLocal ? ANY_NUMBER : max,
      // What is left of those given is used first.
      starts: this.#starts?.nextAt(now) == null ? Math.min(demand, MAX_STARTS) : 0,
      intervalMs: rate && (SLACK * 1000 * rate.perSeconds) / rate.limit,
      burst: rate?.burst ?? 1,
      adaptive,
      accepted: this.takeAccepted(),
    };
  }

  /** @param databaseNow when the database answered, by `performance.now()` */
  answer(answer: BucketAnswer, databaseNow: number): void {
    const now = performance.now();
    const { max, rate } = this.#limits;
    this.#wanted = 0;
    // The pace after a sleep is found out at its end.
    this.#isKnown = answer.asleepMs === null;
    this.#held = answer.held ?? 0;
    this.#isOver = !this.#limits.isLocal && this.#running > this.#held;
    this.#heldUntil = databaseNow + LEASE_MS;
    this.#isPaced = answer.intervalMs !== null;
    this.#intervalMs = answer.intervalMs;
    if (answer.asleepMs !== null) this.#asleepUntil = databaseNow + answer.asleepMs;
    const { intervalMs, nextMs } = answer;
    if (intervalMs !== null && nextMs !== null) {
      if (answer.starts > 0)
        this.#starts = new Starts(
          {
            count: answer.starts,
            at: databaseNow + nextMs,
            intervalMs,
            burst: rate?.burst ?? 1,
            toleranceMs: Math.min(MAX_TOLERANCE_MS, (rate?.perSeconds ?? 1) * 1000 * TOLERANCE),
          },
          databaseNow,
        );
      else if (!this.#starts?.count) this.#closedUntil = databaseNow + nextMs - HORIZON_MS;
    }
    if (max !== null && !this.#limits.isLocal && this.#held === 0)
      this.#closedUntil = Math.max(this.#closedUntil, now + ASK_AGAIN_MS);
    for (const waiter of [...this.#waiters]) this.#decide(waiter, now);
    this.#answered?.resolve();
    this.#answered = null;
  }

  /** Called each second. False when nothing uses the bucket: it can be forgotten. */
  tick(now: number): boolean {
    const isIdle = this.#running === 0 && this.#waiters.size === 0;
    const needed = this.#peak;
    this.#peak = this.#running;
    if (!isIdle || needed > 0) {
      this.#usedAt = now;
      this.#ask();
    } else if (this.#held > 0) this.#ask();
    const isNews = now < Math.max(this.#asleepUntil, this.#closedUntil, this.#usedAt + IDLE_MS);
    return !isIdle || this.#held > 0 || isNews;
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters) this.#resolve(waiter, 'hold');
    this.#answered?.resolve();
  }

  #heldNow(now: number): number {
    const { max, isLocal } = this.#limits;
    if (isLocal) return max ?? 0;
    return now < this.#heldUntil ? Math.min(this.#held, max ?? this.#held) : 0;
  }

  /** What keeps a job from starting now. */
  #blockedBy(now: number): 'sleep' | 'unknown' | 'runs' | 'starts' | 'moment' | null {
    if (this.#limits.isPaused || now < this.#asleepUntil) return 'sleep';
    if (this.#limits.adaptive && !this.#isKnown) return 'unknown';
    if (this.#limits.max !== null && this.#running >= this.#heldNow(now)) return 'runs';
    if (!this.#isPaced) return null;
    const at = this.#starts?.nextAt(now) ?? null;
    if (at === null) return 'starts';
    return at > now ? 'moment' : null;
  }

  #decide(waiter: Waiter, now: number): void {
    const blocked = this.#blockedBy(now);
    if (blocked === null) this.#resolve(waiter, 'changed');
    else if (blocked === 'moment') this.#wakeAt(this.#starts?.nextAt(now) ?? now);
    else if (blocked === 'sleep') {
      const isLong = this.#limits.isPaused || this.#asleepUntil - now > SHORT_SLEEP_MS;
      if (isLong) this.#resolve(waiter, 'hold');
      else this.#wakeAt(this.#asleepUntil);
    } else if (blocked === 'runs' && this.#heldNow(now) > 0) {
      // Runs of this process will end.
      const { max, isLocal } = this.#limits;
      if (!isLocal && this.#held < (max ?? 0) && now - this.#askedAt > ASK_AGAIN_MS) this.#ask();
    } else if (waiter.isAsked || now < this.#closedUntil) this.#resolve(waiter, 'hold');
    else this.#ask();
  }

  #resolve(waiter: Waiter, end: WaitEnd): void {
    this.#waiters.delete(waiter);
    waiter.resolve(end);
  }

  #wake(): void {
    const now = performance.now();
    for (const waiter of [...this.#waiters]) this.#decide(waiter, now);
  }

  #wakeAt(at: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, at - performance.now()));
  }
}
