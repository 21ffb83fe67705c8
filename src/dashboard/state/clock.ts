/** The time for relative times: one timer for the page, none while it is hidden. */
import { effect, signal } from '@preact/signals';
import { visible } from './visible.ts';

export const now = signal(Date.now());

/** Starts the clock. */
export function startClock(): void {
  effect(() => {
    if (!visible.value) return;
    now.value = Date.now();
    const timer = setInterval(() => {
      now.value = Date.now();
    }, 1_000);
    return () => clearInterval(timer);
  });
}
