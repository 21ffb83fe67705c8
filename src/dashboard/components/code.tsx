/** A text as it is: it can be laid out, copied and shown whole. */

import { useMemo, useState } from 'preact/hooks';
import { bytes } from '../state/format.ts';
import { pretty } from '../state/json-text.ts';
import { CopyButton } from './button.tsx';
import { ExactText } from './exact-text.tsx';
import { ScrollBox } from './scroll-box.tsx';

/** A browser needs seconds to lay out a longer one. */
const SHOWN_CHARACTERS = 50_000;

interface CodeProps {
  title: string;
  /** The text as the server sent it. */
  text: string;
  /** JSON can be laid out. */
  isJson?: boolean;
}

export function Code({ title, text, isJson = true }: CodeProps) {
  const [isPretty, setPretty] = useState(isJson);
  const [isWhole, setWhole] = useState(false);
  const laidOut = useMemo(() => (isJson && isPretty ? pretty(text) : text), [isJson, isPretty, text]);
  const shown = isWhole ? laidOut : laidOut.slice(0, SHOWN_CHARACTERS);
  return (
    <section class="code" aria-label={title}>
      <header class="code-head">
        <h2>{title}</h2>
        <span class="muted">{bytes(text.length)}</span>
        <span class="spring" />
        {isJson && (
          <button
            type="button"
            class="button plain"
            aria-pressed={isPretty}
            title="Lays the text out; its numbers and names stay as they are"
            onClick={() => setPretty(!isPretty)}
          >
            Pretty
          </button>
        )}
        <CopyButton text={() => text} label={`Copy: ${title}`} />
      </header>
      <ScrollBox class="code-text" label={`${title}, text`}>
        <pre>
          <ExactText text={shown} />
        </pre>
      </ScrollBox>
      {shown.length < laidOut.length && (
        <footer class="code-foot">
          <span>
            The first {bytes(shown.length)} of {bytes(laidOut.length)}.
          </span>
          <button type="button" class="button plain" onClick={() => setWhole(true)}>
            Show all
          </button>
        </footer>
      )}
    </section>
  );
}
