-- No index begins with the tenant. Before the table has statistics, Postgres would choose such an index for a few hundred
-- ids, and read all participants of the tenant.
alter table os1.participant
  drop constraint participant_pkey,
  drop constraint participant_tenant_type_unique_code_key,
  add primary key (id, tenant),
  add unique (type, tenant, unique_code);
