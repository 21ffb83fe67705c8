/** Light or dark: as the system says, unless the switch says otherwise. */
import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const STORED = 'batchwright.theme';
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];
const stored = localStorage.getItem(STORED) as Theme;

export const theme = signal<Theme>(THEMES.includes(stored) ? stored : 'system');
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
/** What is shown now: plots draw with its colours. */
export const isDark = signal(false);

/** The next position of the switch. */
export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] as Theme;
}

/** Applies the theme now and at every change. */
export function applyTheme(): void {
  const apply = () => {
    isDark.value = theme.value === 'dark' || (theme.value === 'system' && systemIsDark.matches);
    document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light';
  };
  systemIsDark.addEventListener('change', apply);
  effect(() => {
    localStorage.setItem(STORED, theme.value);
    apply();
  });
}
