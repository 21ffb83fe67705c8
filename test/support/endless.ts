/**
 * A statement that does not end by itself within any test. Nothing waits for its time: the server must end it, and the
 * test awaits that.
 */
export const ENDLESS = 'select pg_sleep(300)';
