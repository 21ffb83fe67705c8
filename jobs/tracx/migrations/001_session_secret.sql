-- What session tokens are signed with: one secret for all processes, made here and never shown. It belongs to the
-- server and not to a tenant: the tenant is in the token. Two random UUIDs have 244 random bits.
create table tracx.session_secret (
  is_only boolean primary key default true check (is_only),
  created_at timestamptz not null default now(),
  secret text not null
);

insert into tracx.session_secret (secret)
values (replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
