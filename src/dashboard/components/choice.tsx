/** A filter of a few values, as links: each is an address of its own. */
import { hrefWith, queryValue } from '../state/place.ts';

interface ChoiceProps {
  label: string;
  /** The name in the query. */
  name: string;
  values: readonly { value: string | undefined; text: string; count?: number | undefined }[];
  /** Other values of the query that a new choice makes invalid, such as a cursor. */
  resets?: readonly string[];
}

export function Choice({ label, name, values, resets = [] }: ChoiceProps) {
  const chosen = queryValue(name);
  const cleared = Object.fromEntries(resets.map((other) => [other, undefined]));
  return (
    <nav class="choice" aria-label={label}>
      {values.map(({ value, text, count }) => (
        <a
          key={text}
          href={hrefWith({ ...cleared, [name]: value })}
          aria-current={chosen === value ? 'true' : undefined}
        >
          {text}
          {count !== undefined && <span class="choice-count">{count.toLocaleString('en')}</span>}
        </a>
      ))}
    </nav>
  );
}
