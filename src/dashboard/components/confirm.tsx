/** Asks once more before something is destroyed. */
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export interface Question {
  title: string;
  /** What will happen, and what stays. */
  text: ComponentChildren;
  /** The text of the button that does it. */
  action: string;
  kind?: 'main' | 'danger';
}

const open = signal<(Question & { answer: (isYes: boolean) => void }) | null>(null);

/** True when the user presses the button of the action. */
export function confirm(question: Question): Promise<boolean> {
  open.value?.answer(false);
  return new Promise((resolve) => {
    open.value = {
      ...question,
      answer: (isYes) => {
        open.value = null;
        resolve(isYes);
      },
    };
  });
}

export function ConfirmDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const question = open.value;
  useEffect(() => {
    if (question && !dialog.current?.open) dialog.current?.showModal();
  }, [question]);
  if (!question) return null;
  const { title, text, action, kind = 'danger', answer } = question;
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="question" onClose={() => answer(false)}>
      <h2 id="question">{title}</h2>
      <div class="dialog-text">{text}</div>
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={() => answer(false)}>
          Keep as it is
        </button>
        <button type="button" class={`button ${kind}`} onClick={() => answer(true)}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
