/** Logs failing jobs: one line per action and half minute, never one per job. */
import type { LimitedLog } from '../../domain/limited-log.ts';
import type { Outcome, RecordableOutcome } from '../../domain/outcome.ts';
import { withoutSecrets } from '../../domain/without-secrets.ts';

/** Does nothing for an outcome that is neither a failure of the job nor a refusal by the called service. */
export function noteFailure(log: LimitedLog, action: string, asyncId: string, outcome: Outcome): void {
  if (outcome.status === 'failed')
    log.note({
      level: 'warn',
      kind: `failed ${action}`,
      fields: () => ({ action, ...fieldsOf(asyncId, outcome) }),
      message: 'jobs failed',
    });
  else if (outcome.status === 'retry' && outcome.failed !== null) {
    const { failed, delaySeconds } = outcome;
    log.note({
      level: 'info',
      kind: `retry ${action}`,
      fields: () => ({ action, ...fieldsOf(asyncId, failed), delaySeconds }),
      message: 'jobs failed and will run again',
    });
  } else if (outcome.status === 'retry' && outcome.throttledSince !== undefined) {
    const { index, delaySeconds } = outcome;
    log.note({
      level: 'info',
      kind: `throttled ${action}`,
      fields: () => ({ action, asyncId, index, delaySeconds }),
      message: 'jobs were refused by the called service and will run again',
    });
  }
}

function fieldsOf(asyncId: string, { index, attempts, response }: RecordableOutcome): object {
  const { errorCode, message } = JSON.parse(response) as { errorCode: number; message: string };
  return { asyncId, index, attempts, errorCode, error: withoutSecrets(message) };
}
