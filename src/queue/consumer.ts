/** Takes messages from a queue when lanes are free, several at a time, and passes each to its handler. */

export interface Consumer<Claim> {
  /** Checks for messages. */
  wake(): void;
  /** Works on a claim without a lane. Not after the stop. */
  add(claim: Claim): void;
  /** Takes no more messages; resolves when those in hand are done. */
  stop(): Promise<void>;
}

/** The lane of one message. */
export interface Lane {
  /** Frees the lane for another message although this one is not done. It cannot be taken back. */
  release(): void;
}

export interface Fetched<Claim> {
  claims: Claim[];
  /** There may be more messages although the fetch returned fewer than asked for. */
  more?: boolean;
  /** The next message is larger than the free room. */
  isShort?: boolean;
}

export interface ConsumerOptions<Claim> {
  /** The room for messages, not counting those that have released their lane. */
  room: number;
  /** The room that a message takes; 1 when absent. */
  sizeOf?(claim: Claim): number;
  /** Takes messages that fit into the free room. */
  fetch(free: number): Promise<Fetched<Claim>>;
  /** Never rejects. */
  handle(claim: Claim, lane: Lane): Promise<void>;
  /** Renews the heartbeats of these messages. */
  keepAlive(claims: Claim[]): Promise<void>;
  /** The end of a message may make others available. */
  wakeAtEnd: boolean;
  /** A fetch or a renewal failed, most likely because the database is away. */
  onError(error: unknown): void;
}

/**
 * After a failed fetch it is unknown whether it claimed messages, perhaps later. For this long, fetches go on
 * even if nothing is due, and take such messages back.
 */
export const DOUBT_MS = 15_000;
const FETCH_AGAIN_MS = 500;
/**
 * The pause between the end of a message and the check for others that waited for it: many messages end in
 * that time.
 */
const WAKE_MS = 10;
/** Several renewals fit into the time after which a message counts as abandoned. */
const KEEP_ALIVE_MS = 3000;
/** A failed renewal is repeated soon, because the check for dead workers does not wait. */
const KEEP_ALIVE_AGAIN_MS = 250;

export function startConsumer<Claim>(options: ConsumerOptions<Claim>): Consumer<Claim> {
  const held = new Map<Claim, Promise<void>>();
  const occupied = new Set<Claim>();
  const { sizeOf = () => 1 } = options;
  let free = options.room;
  /** Nothing can be taken with less room than this. */
  let needed = 1;
  let running = true;
  // False after a fetch has taken everything.
  let mayHaveMore = true;
  let doubtUntil = 0;
  let wakeUp = Promise.withResolvers<void>();

  const ends = new Ends(wake);

  function wake(): void {
    mayHaveMore = true;
    needed = 1;
    wakeUp.resolve();
  }

  function take(claim: Claim, size = sizeOf(claim)): void {
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
    add: (claim) => take(claim, 0),
    stop() {
      running = false;
      clearInterval(doubting);
      ends.clear();
      wakeUp.resolve();
      return ended;
    },
  };
}

/** Collects the ends of messages that may make others available: ends in quick succession count as one. */
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

/** Returns a function that ends it. */
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
