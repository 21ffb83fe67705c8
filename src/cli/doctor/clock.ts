import { type Finding, ok, wrong } from './finding.ts';

/** Callbacks with a timestamp that is five minutes off are refused by their receivers. */
const ALLOWED_MS = 10_000;

/**
 * @param other the time of the other clock, in ms since the epoch
 * @param askedAt when it was asked for it, on our clock, and
 * @param answeredAt when it had answered
 */
export function compareClocks(
  check: string,
  { other, askedAt, answeredAt }: { other: number; askedAt: number; answeredAt: number },
): Finding {
  const offBy = other < askedAt ? askedAt - other : Math.max(0, other - answeredAt);
  if (offBy <= ALLOWED_MS) return ok(check, `agrees with this machine's within ${ALLOWED_MS / 1000} s`);
  const seconds = Math.round(offBy / 1000);
  return wrong(
    check,
    `${seconds} s ${other < askedAt ? 'behind' : 'ahead of'} this machine's: let both follow a time server (NTP); timeouts, expiry and signatures depend on it`,
  );
}
