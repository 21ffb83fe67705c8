-- Who takes part in an event, by the caller's own unique_id. country_code is upper-case.
create table participants.participant (
  id bigint generated always as identity,
  event_id bigint not null,
  race_id bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  date_of_birth date not null,
  tenant text not null,
  unique_id text not null,
  first_name text not null,
  last_name text not null,
  country_code text,
  team_name text,
  start_number text,
  chip_code text,
  gender text,
  state text,
  primary key (tenant, event_id, unique_id)
);
