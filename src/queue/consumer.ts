/** Takes messages from a queue as slots come free, several at a time, and hands each to its handler. */

export interface Consumer {
  /** There may be something to take. */
  wake(): void;
  /** One message more at once, until `removeSlot`. */
  addSlot(): void;
  removeSlot(): void;
  /** Takes no further message; resolves when those in hand are done. */
  stop(): Promise<void>;
}

export interface ConsumerOptions<Claim> {
  /** Messages at once. */
  slots: number;
  /** Takes up to so many messages. */
  fetch(count: number): Promise<Claim[]>;
  /** Never rejects. */
  handle(claim: Claim): Promise<void>;
  /** Tells the queue that these are still being worked on. */
  keepAlive(claims: Claim[]): Promise<void>;
  /** Messages may lie there that only the end of another makes takeable. */
  wakeAtEnd: boolean;
  /** A fetch or a sign of life failed: the database is away, most likely. */
  onError(error: unknown): void;
}

/** What nobody tells of: delayed messages, and all of them where NOTIFY does not come through. */
const POLL_MS = 500;
/** Several of these fit into what a message is given without a sign of life. */
const KEEP_ALIVE_MS = 3000;

export function startConsumer<Claim>(options: ConsumerOptions<Claim>): Consumer {
  const held = new Map<Claim, Promise<void>>();
  let { slots } = options;
  let running = true;
  // False once a fetch has taken all there was.
  let mayHaveMore = true;
  let bell = Promise.withResolvers<void>();

  function wake(): void {
    mayHaveMore = true;
    bell.resolve();
  }

  function take(claim: Claim): void {
    const done = options.handle(claim).finally(() => {
      held.delete(claim);
      if (options.wakeAtEnd) mayHaveMore = true;
      bell.resolve();
    });
    held.set(claim, done);
  }

  async function fetchFree(count: number): Promise<void> {
    mayHaveMore = false;
    try {
      const claims = await options.fetch(count);
      if (claims.length === count) mayHaveMore = true;
      for (const claim of claims) take(claim);
    } catch (error) {
      options.onError(error);
    }
  }

  async function run(): Promise<void> {
    while (running) {
      bell = Promise.withResolvers();
      const free = slots - held.size;
      if (free > 0 && mayHaveMore) await fetchFree(free);
      else await bell.promise;
    }
    await Promise.all(held.values());
  }

  const polling = setInterval(wake, POLL_MS);
  const keepingAlive = setInterval(() => {
    if (held.size > 0) options.keepAlive([...held.keys()]).catch(options.onError);
  }, KEEP_ALIVE_MS);
  const ended = run().finally(() => clearInterval(keepingAlive));
  return {
    wake,
    addSlot() {
      slots++;
      bell.resolve();
    },
    removeSlot() {
      slots--;
    },
    stop() {
      running = false;
      clearInterval(polling);
      bell.resolve();
      return ended;
    },
  };
}
