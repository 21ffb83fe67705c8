/** The server: whether it can be reached, and a fetch that notices when it cannot. */
import { effect, signal } from '@preact/signals';
import { visible } from './visible.ts';

/** Where the API is, a path prefix included, without a slash at the end. */
export const serverUrl = new URL(
  document.documentElement.dataset.root ?? './',
  location.href.split('#', 1)[0],
).href.replace(/\/+$/, '');

/** True while requests fail because the server, or what it needs, is away. */
export const isAway = signal(false);
/** Counts how often the server has come back: what depends on it loads again. */
export const returns = signal(0);

const AWAY_STATUSES = [502, 503, 504];
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;

/** Notices by the status of an answer that the server, or what it needs, is away. */
export function noteStatus(status: number): void {
  if (AWAY_STATUSES.includes(status)) isAway.value = true;
}

/** fetch, for all requests of the page. */
export async function watchedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  try {
    const response = await fetch(input, init);
    noteStatus(response.status);
    return response;
  } catch (error) {
    if (!init?.signal?.aborted) isAway.value = true;
    throw error;
  }
}

/** Asks until the server is back, while somebody looks at the page. */
export function watchServer(): void {
  effect(() => {
    if (!isAway.value || !visible.value) return;
    let pause = FIRST_PAUSE_MS;
    let timer: ReturnType<typeof setTimeout>;
    let isOver = false;
    const probe = async () => {
      clearTimeout(timer);
      const ready = await isReady();
      // The page may have been hidden meanwhile: the next time it is visible asks again.
      if (isOver) return;
      if (ready) {
        isAway.value = false;
        returns.value += 1;
        return;
      }
      pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5);
      timer = setTimeout(probeNow, pause);
    };
    const probeNow = () => void probe();
    timer = setTimeout(probeNow, pause);
    addEventListener('online', probeNow);
    return () => {
      isOver = true;
      clearTimeout(timer);
      removeEventListener('online', probeNow);
    };
  });
}

async function isReady(): Promise<boolean> {
  try {
    return (await fetch(`${serverUrl}/readyz`, { cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}
