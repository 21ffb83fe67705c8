/** What JSON.parse returns. Tests look into answers, results, events and log lines of every shape. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the test asserts
export type Json = any;
