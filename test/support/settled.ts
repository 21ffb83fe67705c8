import { waitFor } from './wait.ts';

/** Resolves to the result of `read` when it has stayed the same for this many milliseconds. */
export async function settled<Value>(
  read: () => Promise<Value>,
  { forMs, what }: { forMs: number; what: string },
): Promise<Value> {
  let value = await read();
  let since = performance.now();
  await waitFor(
    async () => {
      const now = await read();
      if (now !== value) since = performance.now();
      value = now;
      return performance.now() - since >= forMs;
    },
    { what: `${what} to settle` },
  );
  return value;
}
