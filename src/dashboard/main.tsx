/** The dashboard: a client of the API in the browser. README.md of this folder says how a page is added. */
import { render } from 'preact';
import { App } from './app.tsx';
import { startClock } from './state/clock.ts';
import { watchServer } from './state/server.ts';
import { applyTheme } from './state/theme.ts';

applyTheme();
startClock();
watchServer();
render(<App />, document.querySelector('#app') as Element);
