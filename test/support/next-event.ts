import type { TelemetryEvent } from '../../src/telemetry/events.ts';

/**
 * Resolves to the next matching event in this process. Rejects at the deadline with a description of the
 * event. Call it before the cause of the event.
 *
 * @param options.timeoutMs long enough for a slow machine: only a failing test waits for it
 */
export function nextEvent<Fields extends object>(
  event: TelemetryEvent<Fields>,
  matches: (fields: Fields) => boolean,
  { what, timeoutMs = 60_000 }: { what: string; timeoutMs?: number },
): Promise<Fields> {
  const { promise, resolve, reject } = Promise.withResolvers<Fields>();
  const deadline = setTimeout(
    () => reject(new Error(`Waited ${timeoutMs} ms in vain for ${what}`)),
    timeoutMs,
  );
  const ignore = event.listen((fields) => matches(fields) && resolve(fields));
  const end = () => {
    clearTimeout(deadline);
    ignore();
  };
  promise.then(end, end);
  return promise;
}
