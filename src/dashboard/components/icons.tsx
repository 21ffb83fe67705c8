/** Icons: lines of 16 × 16, in the colour of the text, hidden from screen readers. */

const paths = {
  batches: 'M3 4.5h10M3 8h10M3 11.5h6',
  actions: 'M5 3.5v9l7-4.5z',
  limits: 'M2.5 11.5a5.5 5.5 0 1 1 11 0M8 11.5l2.5-3.5',
  callbacks: 'M13.5 3 7.2 9.3M13.5 3 9.5 13.5 7.2 9.3 2.5 6.5z',
  keys: 'M10.5 8.5a3 3 0 1 0-2.9-2.2L3 11v2h2.2v-1.6h1.7V9.7l1-1',
  system: 'M2.5 4.5h11v3h-11zM2.5 9.5h11v3h-11zM4.8 6h.01M4.8 11h.01',
  audit: 'M4 2.5h8v11H4zM6.5 5.5h3M6.5 8h3M6.5 10.5h1.5',
  help: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M6.3 6.4a1.8 1.8 0 1 1 2.5 1.8c-.5.2-.8.6-.8 1.1M8 11.4h.01',
  light:
    'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M8 1.5V3M8 13v1.5M14.5 8H13M3 8H1.5M12.6 3.4l-1 1M4.4 11.6l-1 1M12.6 12.6l-1-1M4.4 4.4l-1-1',
  dark: 'M13 9.6A5.5 5.5 0 0 1 6.4 3a5.5 5.5 0 1 0 6.6 6.6',
  system_theme: 'M2.5 3.5h11v7h-11zM6 13h4M8 10.5V13',
  leave: 'M6.5 13.5h-3v-11h3M10 11l3-3-3-3M13 8H6.5',
  copy: 'M5.5 5.5h7v7h-7zM3.5 10.5v-7h7',
  done: 'M3.5 8.5 6.5 11.5 12.5 4.5',
  close: 'M4 4l8 8M12 4l-8 8',
  download: 'M8 2.5v7M5 7l3 3 3-3M3 12.5h10',
  left: 'M10 3.5 5.5 8l4.5 4.5',
  right: 'M6 3.5 10.5 8 6 12.5',
  restart: 'M13 8a5 5 0 1 1-1.5-3.6M13 2.5v2.7h-2.7',
  remove: 'M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9M6.8 7v4M9.2 7v4',
  stop: 'M4.5 4.5h7v7h-7z',
  add: 'M8 3.5v9M3.5 8h9',
  pause: 'M5.5 4v8M10.5 4v8',
  table: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M6.5 6.5v6',
  edit: 'M3 13l.7-2.8 7-7 2.1 2.1-7 7z',
  send: 'M3 8h9M8.5 4.5 12 8l-3.5 3.5',
};

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
