/** What surrounds every page: navigation, the state of the server, the switches. */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { Icon } from './components/icons.tsx';
import type { Page } from './page.ts';
import { pages } from './pages/index.ts';
import { Shortcuts, useShortcuts } from './shortcuts.tsx';
import { isAway } from './state/server.ts';
import { signOut } from './state/session.ts';
import { nextTheme, theme } from './state/theme.ts';

const THEME_ICONS = { system: 'system_theme', light: 'light', dark: 'dark' } as const;

export function Frame({ page, children }: { page: Page | undefined; children: ComponentChildren }) {
  const help = useShortcuts();
  const skip = () => document.querySelector<HTMLElement>('#main')?.focus();
  useEffect(() => {
    document.documentElement.classList.toggle('away', isAway.value);
  }, [isAway.value]);
  useEffect(() => {
    // On a narrow screen the navigation scrolls.
    document.querySelector('.navigation [aria-current]')?.scrollIntoView({ block: 'nearest' });
  }, [page]);
  return (
    <div class="frame">
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      <header class="side">
        <a class="brand" href="#/batches">
          <Brand />
          Batchwright
        </a>
        <nav class="navigation" aria-label="Pages">
          {pages.map(
            ({ path, navigation }) =>
              navigation && (
                <a key={path} href={`#${path}`} aria-current={isWithin(page, path) ? 'page' : undefined}>
                  <Icon name={navigation.icon} />
                  {navigation.text}
                </a>
              ),
          )}
        </nav>
        <div class="switches">
          <button
            type="button"
            class="button plain"
            title={`Colours: ${theme.value}`}
            aria-label={`Colours: ${theme.value}`}
            onClick={nextTheme}
          >
            <Icon name={THEME_ICONS[theme.value]} />
          </button>
          <button
            type="button"
            class="button plain"
            title="Shortcuts (?)"
            aria-label="Shortcuts"
            onClick={help.open}
          >
            <Icon name="help" />
          </button>
          <button
            type="button"
            class="button plain"
            title="Forget the key"
            aria-label="Forget the key"
            onClick={() => signOut(null)}
          >
            <Icon name="leave" />
          </button>
        </div>
      </header>
      <main id="main" class="main" tabIndex={-1}>
        <div role="status" class="away-status">
          {isAway.value && (
            <p class="away-text">
              <span class="dot failed" aria-hidden="true" /> The server is away. Trying again…
            </p>
          )}
        </div>
        {children}
      </main>
      <Shortcuts state={help} />
    </div>
  );
}

function isWithin(page: Page | undefined, path: string): boolean {
  return page !== undefined && (page.path === path || page.path.startsWith(`${path}/`));
}

export function Brand() {
  return (
    <svg class="mark" viewBox="0 0 16 16" aria-hidden="true">
      <rect width="16" height="16" rx="4" />
      <path d="M4 5h8M4 8h8M4 11h5" />
    </svg>
  );
}
