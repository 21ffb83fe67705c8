import type { ComponentChildren } from 'preact';

interface ScrollBoxProps {
  class: string;
  /** The name for screen readers. */
  label: string;
  children: ComponentChildren;
}

/** A part of the page that scrolls by itself, by keyboard too. */
export function ScrollBox({ class: name, label, children }: ScrollBoxProps) {
  return (
    // Safari gives a part that scrolls no focus by itself, so the arrow keys could not scroll it; axe's rule
    // scrollable-region-focusable asks for this tabIndex, which Biome's rule takes for a mistake.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach what scrolls
    <section class={name} tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
