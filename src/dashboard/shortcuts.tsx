/** Keys that go to a page or to the filter, and the list of them. They do nothing while somebody writes. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { pages } from './pages/index.ts';
import { go } from './state/place.ts';

interface Help {
  isOpen: boolean;
  open(): void;
  close(): void;
}

/** The time to press the second key. */
const SECOND_KEY_MS = 1_500;

/** Listens while the frame is shown. */
export function useShortcuts(): Help {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => {
    let wentAt = Number.NEGATIVE_INFINITY;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
      if (document.querySelector('dialog[open]')) return;
      const isSecond = performance.now() - wentAt < SECOND_KEY_MS;
      wentAt = event.key === 'g' ? performance.now() : Number.NEGATIVE_INFINITY;
      const target = isSecond && pages.find(({ shortcut }) => shortcut === event.key);
      if (target) go(`#${target.path}`);
      else if (event.key === '?') setOpen(true);
      else if (event.key === '/') {
        const filter = document.querySelector<HTMLElement>('[data-filter]');
        if (!filter) return;
        event.preventDefault();
        filter.focus();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return { isOpen, open: () => setOpen(true), close: () => setOpen(false) };
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
}

export function Shortcuts({ state }: { state: Help }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (state.isOpen && !dialog.current?.open) dialog.current?.showModal();
  }, [state.isOpen]);
  if (!state.isOpen) return null;
  const rows = [
    ...pages.flatMap(({ shortcut, navigation }) =>
      shortcut && navigation ? [{ keys: ['g', shortcut], text: navigation.text }] : [],
    ),
    { keys: ['/'], text: 'To the filter of the page' },
    { keys: ['?'], text: 'This list' },
  ];
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="shortcuts" onClose={state.close}>
      <h2 id="shortcuts">Shortcuts</h2>
      <dl class="shortcuts">
        {rows.map(({ keys, text }) => (
          <div key={text}>
            <dt>
              {keys.map((name) => (
                <kbd key={name}>{name}</kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={state.close}>
          Close
        </button>
      </div>
    </dialog>
  );
}
