/** Who changed what. */
import type { ClientBase, Pool } from 'pg';
import type { AuditEvent } from '../contract/audit-events.ts';
import type { Caller } from '../domain/caller.ts';

export interface NewAuditEntry {
  /** Whose key, secret or batch it was. */
  tenant: string;
  event: AuditEvent;
  /** The id of the key, the name of the tenant, the address tested, the asyncId of the batch, or the name of the action. */
  target: string;
  details?: object | undefined;
}

export interface AuditRow {
  id: number;
  at: Date;
  tenant: string;
  actorKey: string;
  actorTenant: string;
  event: string;
  target: string;
  /** JSON text. */
  details: string;
}

/** What entries are selected by; all of it must hold. */
export interface AuditFilter {
  event?: AuditEvent | undefined;
  target?: string | undefined;
  /** Of who did it. */
  keyId?: string | undefined;
  tenant?: string | undefined;
}

/** Call it in the transaction of the change. */
export async function insertAudit(
  client: ClientBase,
  { keyId, tenant: actorTenant }: Caller,
  { tenant, event, target, details = {} }: NewAuditEntry,
): Promise<void> {
  await client.query({
    name: 'insert-audit',
    text: `insert into batchwright.audit (tenant, actor_key, actor_tenant, event, target, details)
     values ($1, $2, $3, $4, $5, $6)`,
    values: [tenant, keyId, actorTenant, event, target, JSON.stringify(details)],
  });
}

/**
 * The tenant's entries, or those of all tenants for null, youngest first, older than `before` (an entry's id).
 */
export async function listAudit(
  client: ClientBase | Pool,
  scope: string | null,
  { event, target, keyId, tenant }: AuditFilter,
  { limit, before }: { limit: number; before: number | undefined },
): Promise<AuditRow[]> {
  const { rows } = await client.query<AuditRow>(
    `select id, at, tenant, actor_key as "actorKey", actor_tenant as "actorTenant", event, target, details
     from batchwright.audit
     where ($1::text is null or tenant = $1) and ($2::bigint is null or id < $2)
       and ($3::text is null or event = $3) and ($4::text is null or target = $4)
       and ($5::text is null or actor_key = $5) and ($6::text is null or tenant = $6)
     order by id desc limit $7`,
    [scope, before ?? null, event ?? null, target ?? null, keyId ?? null, tenant ?? null, limit],
  );
  return rows;
}

/** Deletes entries that are older than so many days, at most this many; returns how many. */
export async function deleteOldAudit(client: ClientBase, days: number, most: number): Promise<number> {
  const { rowCount } = await client.query(
    `delete from batchwright.audit where id in (
       select id from batchwright.audit where at < now() - make_interval(days => $1) order by at limit $2)`,
    [days, most],
  );
  return rowCount ?? 0;
}
