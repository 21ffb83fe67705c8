/** Who changed what, as `GET /v1/audit` shows it. */
import type { Pool } from 'pg';
import { BatchwrightError } from '../../contract/errors.ts';
import { type Caller, isAdmin, isOperator } from '../../domain/caller.ts';
import { type AuditFilter, type AuditRow, listAudit } from '../../store/audit.ts';

interface AuditView {
  id: string;
  at: Date;
  tenant: string;
  /** The key that did it: `admin` is the admin key. */
  actor: { keyId: string; tenant: string };
  event: string;
  target: string;
  details: object;
}

export interface AuditPage {
  data: AuditView[];
  /** The id to continue after; null at the end. */
  next: string | null;
}

/**
 * The selected entries of the caller's tenant, or of all tenants for the operator, youngest first. Throws `forbidden`.
 */
export async function auditPage(
  pool: Pool,
  caller: Caller,
  { filter, limit, before }: { filter: AuditFilter; limit: number; before: number | undefined },
): Promise<AuditPage> {
  if (!isAdmin(caller)) throw new BatchwrightError('forbidden', { details: ['the key lacks admin'] });
  const scope = isOperator(caller) ? null : caller.tenant;
  const rows = await listAudit(pool, scope, filter, { limit: limit + 1, before });
  const shown = rows.slice(0, limit);
  return { data: shown.map(toView), next: rows.length > limit ? String(shown.at(-1)?.id) : null };
}

function toView({ id, actorKey, actorTenant, details, ...entry }: AuditRow): AuditView {
  return {
    id: String(id),
    ...entry,
    actor: { keyId: actorKey, tenant: actorTenant },
    details: JSON.parse(details),
  };
}
