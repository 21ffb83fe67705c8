import type { Log } from '../../src/domain/log.ts';

/** For code under test whose log lines do not matter. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };
