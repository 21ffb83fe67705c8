/** Work that is done again and again. */

export interface Rounds {
  /** No round begins any more. Resolves when none is running. */
  stop(): Promise<void>;
}

/**
 * Does a round at this interval until `stop`. One that is due while another runs is left out.
 *
 * @param round must not reject: it reports its errors itself, and the next round comes all the same
 * @param options.atOnce true when the first round does not wait for the interval
 */
export function startRounds(
  everyMs: number,
  round: () => Promise<void>,
  { atOnce = false }: { atOnce?: boolean } = {},
): Rounds {
  let running: Promise<void> | undefined;
  const begin = () => {
    running ??= round().finally(() => {
      running = undefined;
    });
  };
  const timer = setInterval(begin, everyMs);
  if (atOnce) begin();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
