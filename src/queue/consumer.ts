/** Takes messages from a queue as lanes come free, several at a time, and hands each to its handler. */

export interface Consumer {
  /** There may be something to take. */
  wake(): void;
  /** Takes no further message; resolves when those in hand are done. */
  stop(): Promise<void>;
}

/** What a message occupies while it is worked on. */
export interface Lane {
  /** Another message may have the lane, although this one is not done; once released it stays so. */
  release(): void;
}

export interface Fetched<Claim> {
  claims: Claim[];
  /** There may be something to take although less than asked for came. */
  more?: boolean;
  /** What comes next is larger than what is free. */
  isShort?: boolean;
}

export interface ConsumerOptions<Claim> {
  /** How much room there is for messages at once, those apart that have released their lane. */
  room: number;
  /** How much of it a message takes; 1 when absent. */
  sizeOf?(claim: Claim): number;
  /** Takes messages that need so much room at most. */
  fetch(free: number): Promise<Fetched<Claim>>;
  /** Never rejects. */
  handle(claim: Claim, lane: Lane): Promise<void>;
  /** Tells the queue that these are still being worked on. */
  keepAlive(claims: Claim[]): Promise<void>;
  /** Messages may lie there that only the end of another makes takeable. */
  wakeAtEnd: boolean;
  /** A fetch or a sign of life failed: the database is away, most likely. */
  onError(error: unknown): void;
}

/**
 * After a fetch that failed it is not known what was claimed all the same, and how late: fetches go on for so long,
 * whether or not anything is due, and take that back.
 */
export const DOUBT_MS = 15_000;
const FETCH_AGAIN_MS = 500;
/** So long after the end of a message others are looked for that it kept waiting: many end in that time. */
const WAKE_MS = 10;
/** Several of these fit into what a message is given without a sign of life. */
const KEEP_ALIVE_MS = 3000;
/** A sign of life that did not come through is given again at once: those that look for the dead do not wait. */
const KEEP_ALIVE_AGAIN_MS = 250;

export function startConsumer<Claim>(options: ConsumerOptions<Claim>): Consumer {
  const held = new Map<Claim, Promise<void>>();
  const occupied = new Set<Claim>();
  const { sizeOf = () => 1 } = options;
  let free = options.room;
  /** With less room than this nothing can be taken. */
  let needed = 1;
  let running = true;
  // False once a fetch has taken all there was.
  let mayHaveMore = true;
  let doubtUntil = 0;
  let wakeUp = Promise.withResolvers<void>();

  const ends = new Ends(wake);

  function wake(): void {
    mayHaveMore = true;
    needed = 1;
    wakeUp.resolve();
  }

  function take(claim: Claim): void {
    const size = sizeOf(claim);
    occupied.add(claim);
    free -= size;
    const release = () => {
      if (!occupied.delete(claim)) return;
      free += size;
      wakeUp.resolve();
    };
    const done = options.handle(claim, { release }).finally(() => {
      held.delete(claim);
      if (options.wakeAtEnd) ends.note();
      release();
      wakeUp.resolve();
    });
    held.set(claim, done);
  }

  async function fetchFree(): Promise<void> {
    mayHaveMore = false;
    const asked = free;
    try {
      const { claims, more = false, isShort = false } = await options.fetch(asked);
      const left = asked - claims.reduce((sum, claim) => sum + sizeOf(claim), 0);
      if (more || isShort || left <= 0) mayHaveMore = true;
      needed = isShort ? left + 1 : 1;
      for (const claim of claims) take(claim);
    } catch (error) {
      doubtUntil = performance.now() + DOUBT_MS;
      options.onError(error);
    }
  }

  async function run(): Promise<void> {
    while (running) {
      wakeUp = Promise.withResolvers();
      if (free >= needed && mayHaveMore) await fetchFree();
      else await wakeUp.promise;
    }
    while (held.size > 0) await Promise.all(held.values());
  }

  const doubting = setInterval(() => performance.now() < doubtUntil && wake(), FETCH_AGAIN_MS);
  const stopKeepingAlive = keepAlive(options, held);
  const ended = run().finally(stopKeepingAlive);
  return {
    wake,
    stop() {
      running = false;
      clearInterval(doubting);
      ends.clear();
      wakeUp.resolve();
      return ended;
    },
  };
}

/** Ends of messages that may free others: those that come soon after one another count as one. */
class Ends {
  readonly #wake: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  note(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#wake();
    }, WAKE_MS);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

/** Answers what ends it. */
function keepAlive<Claim>(
  { keepAlive: renew, onError }: ConsumerOptions<Claim>,
  held: ReadonlyMap<Claim, unknown>,
): () => void {
  let again: NodeJS.Timeout | undefined;
  let stopped = false;
  function beat(): void {
    again = undefined;
    if (held.size === 0) return;
    renew([...held.keys()]).catch((error: unknown) => {
      onError(error);
      if (!stopped) again ??= setTimeout(beat, KEEP_ALIVE_AGAIN_MS);
    });
  }
  const timer = setInterval(beat, KEEP_ALIVE_MS);
  return () => {
    stopped = true;
    clearInterval(timer);
    clearTimeout(again);
  };
}
