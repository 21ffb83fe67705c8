-- What else iVvy keeps of an event, and when races were added and changed.

-- The code of an event whose caller gives none: 48 random bits.
create function event.new_code() returns text
language sql volatile
as $$ select upper(left(replace(gen_random_uuid()::text, '-', ''), 12)) $$;

alter table event.event
  add column start_date_time timestamptz,
  add column end_date_time timestamptz,
  add column code text not null default event.new_code(),
  add unique (tenant, code);

alter table event.race
  add column created_at timestamptz not null default now(),
  add column updated_at timestamptz not null default now();
