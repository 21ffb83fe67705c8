/** The events of the audit. `test/http/v1/audit.test.ts` compares them with `docs/api.md`. */
export const AUDIT_EVENTS = [
  'key.created',
  'key.revoked',
  'callbackSecret.rotated',
  'callback.tested',
  'batch.cancelled',
  'batch.paused',
  'batch.resumed',
  'batch.restarted',
  'batch.reposted',
  'batch.deleted',
  'action.paused',
  'action.resumed',
  'action.limitsChanged',
] as const;

export type AuditEvent = (typeof AUDIT_EVENTS)[number];
