-- People who can be invited. Ids are integers within the tenant: given by the caller, or the next number.
create table contact.contact (
  id bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  opted_out boolean not null default false,
  tenant text not null,
  first_name text not null,
  last_name text not null,
  email text not null,
  phone text,
  primary key (tenant, id)
);

-- The highest id of a tenant so far. Whoever writes contacts takes this row first and keeps it until the
-- commit: one writer a tenant, so that no generated id meets a given one.
create table contact.counter (
  tenant text primary key,
  last_id bigint not null
);
