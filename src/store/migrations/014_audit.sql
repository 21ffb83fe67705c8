-- Who changed what: keys, batches, actions. An entry is written in the transaction of its change.
create table batchwright.audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  -- Whose it was: the tenant of the key or the batch. Entries about actions, which all tenants share, are `default`'s.
  tenant text not null,
  -- Who did it: the id of the key, and its tenant.
  actor_key text not null,
  actor_tenant text not null,
  event text not null,
  target text not null,
  details json not null default '{}'
);
create index audit_by_tenant on batchwright.audit (tenant, id);
create index audit_by_time on batchwright.audit (at);
