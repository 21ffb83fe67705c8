/** What happened, in a corner of the page, and read out by screen readers. Errors stay until they are closed. */
import { signal } from '@preact/signals';
import { ApiError } from '../../client/errors.ts';
import { Icon } from './icons.tsx';

interface Toast {
  id: number;
  kind: 'done' | 'error';
  text: string;
}

const toasts = signal<readonly Toast[]>([]);
const SHOWN_MS = 6_000;
const MOST = 4;
let lastId = 0;

/** Says that something was done. */
export function report(text: string): void {
  const id = add('done', text);
  setTimeout(() => remove(id), SHOWN_MS);
}

/** Says why something was not done. */
export function reportError(error: unknown): void {
  add('error', errorText(error));
}

/** An error as people read it. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError && error.status === 403) return `This key may not do that. ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

function add(kind: Toast['kind'], text: string): number {
  lastId += 1;
  toasts.value = [...toasts.value.slice(1 - MOST), { id: lastId, kind, text }];
  return lastId;
}

function remove(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-label="Messages">
      {toasts.value.map(({ id, kind, text }) => (
        <div key={id} class={`toast ${kind}`}>
          <span class="toast-text">{text}</span>
          <button
            type="button"
            class="button plain"
            aria-label="Close this message"
            onClick={() => remove(id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
