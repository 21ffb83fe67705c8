/** Reports answers of the API to any number of listeners as they change: each is made once a look for all of them. */
import { setImmediate as immediate } from 'node:timers/promises';

/** Called with the answer as it is, after every change, and with `closing` when this process stops. */
export type AnswerListener = (answer: string | 'closing') => void;

export interface WatchedAnswer {
  /** Equal for all who get the same answer. */
  key: string;
  /** Makes the text of the answer; calls at about the same time share the work. It never rejects. */
  find: () => Promise<string>;
}

/** The pause counts from the end of the previous look. */
const LOOK_MS = 2_000;
/** Listeners that are called in one turn of the event loop. */
const CALLED_AT_ONCE = 250;

interface Watched {
  /** Each listener with the last text that it was sent. */
  listeners: Map<AnswerListener, string>;
  timer: NodeJS.Timeout;
}

export class AnswerWatch {
  readonly #watched = new Map<string, Watched>();

  /** The first report is of a look that begins after the call. Returns a function that unsubscribes. */
  subscribe(answer: WatchedAnswer, listener: AnswerListener): () => void {
    const { key } = answer;
    const watched = this.#watched.get(key) ?? {
      listeners: new Map(),
      timer: setTimeout(() => void this.#lookAgain(answer), LOOK_MS),
    };
    this.#watched.set(key, watched);
    watched.listeners.set(listener, '');
    void this.#first(answer, watched, listener);
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size > 0) return;
      clearTimeout(watched.timer);
      if (this.#watched.get(key) === watched) this.#watched.delete(key);
    };
  }

  /** Sends `closing` to every listener and ends all subscriptions. */
  close(): void {
    const all = [...this.#watched.values()];
    this.#watched.clear();
    for (const { listeners, timer } of all) {
      clearTimeout(timer);
      for (const listener of [...listeners.keys()]) listener('closing');
      listeners.clear();
    }
  }

  async #first({ find }: WatchedAnswer, { listeners }: Watched, listener: AnswerListener): Promise<void> {
    report(listeners, listener, await find());
  }

  async #lookAgain(answer: WatchedAnswer): Promise<void> {
    const { key, find } = answer;
    const text = await find();
    const watched = this.#watched.get(key);
    if (!watched) return;
    let called = 0;
    for (const listener of [...watched.listeners.keys()]) {
      report(watched.listeners, listener, text);
      if (++called % CALLED_AT_ONCE === 0) await immediate();
    }
    // All may have left meanwhile.
    if (this.#watched.get(key) === watched)
      watched.timer = setTimeout(() => void this.#lookAgain(answer), LOOK_MS);
  }
}

/** Nothing for a listener that has left, or knows the text. */
function report(listeners: Map<AnswerListener, string>, listener: AnswerListener, text: string): void {
  const known = listeners.get(listener);
  if (known === undefined || known === text) return;
  listeners.set(listener, text);
  listener(text);
}
