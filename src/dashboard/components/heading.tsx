/** The head of a page: where it is, what it is called, what can be done. */
import type { ComponentChildren } from 'preact';

interface HeadingProps {
  title: ComponentChildren;
  /** The pages above it. */
  above?: readonly { text: string; href: string }[];
  /** Beside the title. */
  children?: ComponentChildren;
  buttons?: ComponentChildren;
}

export function Heading({ title, above = [], children, buttons }: HeadingProps) {
  return (
    <header class="heading">
      {above.length > 0 && (
        <nav class="above" aria-label="Above this page">
          {above.map(({ text, href }, n) => (
            <span key={href}>
              {n > 0 && <span aria-hidden="true"> / </span>}
              <a href={href}>{text}</a>
            </span>
          ))}
        </nav>
      )}
      <div class="heading-line">
        <h1>{title}</h1>
        {children}
        <span class="spring" />
        {buttons && <div class="buttons">{buttons}</div>}
      </div>
    </header>
  );
}
