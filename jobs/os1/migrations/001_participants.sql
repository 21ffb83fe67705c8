-- Participants of a type, by the caller's own unique_code. An id as callers see it is `type:id`.
create table os1.participant (
  id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  tenant text not null,
  type text not null,
  -- "C": lists go on after a code, so the order must not depend on the database.
  unique_code text collate "C" not null,
  name text,
  owner text,
  -- json and not jsonb: it keeps U+0000, numbers of any length and the order of the members.
  properties json not null,
  primary key (tenant, id),
  unique (tenant, type, unique_code)
);
