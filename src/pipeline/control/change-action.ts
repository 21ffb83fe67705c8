import type { Pool } from 'pg';
import type { AuditEvent } from '../../contract/audit-events.ts';
import { BatchwrightError } from '../../contract/errors.ts';
import { type Caller, isOperator } from '../../domain/caller.ts';
import { noSuchAction } from '../../domain/unknown-action.ts';
import { unknownMember } from '../../domain/unknown-name.ts';
import type { Limits } from '../../plugin/limits.ts';
import { transaction } from '../../postgres/transaction.ts';
import { wrongLimits } from '../../registry/limits.ts';
import type { Registry } from '../../registry/registry.ts';
import { changeActionSetting } from '../../store/action-settings.ts';
import { insertAudit } from '../../store/audit.ts';

const MEMBERS = ['paused', 'limits'];

/**
 * Pauses or resumes an action, or changes its limits, for all tenants: `{"paused"?: true, "limits"?: {…}}`, where null
 * restores the limits in its file. Worker processes see it within two seconds. Throws `forbidden`, `notFound` and
 * `badRequest`.
 */
export async function changeAction(
  { pool, registry }: { pool: Pool; registry: Registry },
  caller: Caller,
  name: string,
  change: Record<string, unknown>,
): Promise<void> {
  if (!isOperator(caller))
    throw new BatchwrightError('forbidden', {
      message: 'Only an admin key of the tenant default changes actions',
    });
  const names = registry.actions.map((entry) => entry.name);
  if (!names.includes(name)) throw new BatchwrightError('notFound', { message: noSuchAction(name, names) });
  const wrong = wrongChange(change);
  if (wrong !== null) throw new BatchwrightError('badRequest', { message: wrong });
  const { paused, limits } = change as { paused?: boolean; limits?: Limits | null };
  await transaction(pool, async (client) => {
    await changeActionSetting(client, name, {
      paused,
      limits: limits == null ? limits : JSON.stringify(limits),
    });
    const note = (event: AuditEvent, details?: object) =>
      insertAudit(client, caller, { tenant: caller.tenant, event, target: name, details });
    if (paused !== undefined) await note(paused ? 'action.paused' : 'action.resumed');
    if (limits !== undefined) await note('action.limitsChanged', { limits });
  });
}

function wrongChange(change: Record<string, unknown>): string | null {
  const unknown = Object.keys(change).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) return unknownMember('', unknown, MEMBERS);
  const { paused, limits } = change;
  if (paused === undefined && limits === undefined) return 'paused or limits is required';
  if (paused !== undefined && typeof paused !== 'boolean') return 'paused must be true or false';
  if (limits === undefined || limits === null) return null;
  if (typeof limits !== 'object' || Array.isArray(limits))
    return 'limits must be an object such as {"rate":{"limit":20,"perSeconds":1}}, or null for those in its file';
  return wrongLimits(limits as Limits, 'limits.');
}
