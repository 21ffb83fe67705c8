-- A callback secret that was replaced signs beside the new one until its end, so that receivers have time to change.
create table batchwright.replaced_callback_secret (
  id bigint generated always as identity primary key,
  tenant text not null references batchwright.tenant (name),
  secret text not null,
  ends_at timestamptz not null
);
create index replaced_callback_secret_by_tenant on batchwright.replaced_callback_secret (tenant, id);
