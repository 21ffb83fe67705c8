-- An import: the participants that a caller sent for an event, checked but not applied. Its rows are stored under the
-- key of the upload, before the import exists.
create table redjade.participant_import (
  id bigint generated always as identity,
  event_id bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  row_count integer not null default 0,
  valid_count integer not null default 0,
  invalid_count integer not null default 0,
  matched_count integer not null default 0,
  duplicate_count integer not null default 0,
  tenant text not null,
  external_event_id text not null,
  upload text not null,
  primary key (tenant, id),
  unique (tenant, upload)
);
create index participant_import_by_event on redjade.participant_import (tenant, event_id, id);

-- Uploads without an import: one that stays here was not completed, and its rows are removed after a day.
create table redjade.upload (
  created_at timestamptz not null default now(),
  tenant text not null,
  upload text not null,
  primary key (tenant, upload)
);

-- The rows of an upload, from 0. An invalid row has the text that was sent in raw, and in the other columns what is
-- valid of it. redjade.resolve writes the columns matched_id to duplicate_of, is_kept and matched_by: most rows are new
-- and need no change then, because is_kept begins as is_valid.
create table redjade.import_row (
  matched_id bigint,
  conflict_id bigint,
  n integer not null,
  duplicate_of integer,
  is_valid boolean not null,
  is_kept boolean not null,
  tenant text not null,
  upload text not null,
  matched_by text,
  external_id text,
  email text,
  -- "C", because another collation of the database may turn I into ı.
  email_key text generated always as (lower(email collate "C")) stored,
  first_name text,
  last_name text,
  locale text,
  demographics jsonb,
  raw text,
  errors jsonb,
  primary key (tenant, upload, n)
);

create table redjade.participant (
  id bigint generated always as identity,
  event_id bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  tenant text not null,
  external_id text,
  email text,
  email_key text generated always as (lower(email collate "C")) stored,
  first_name text,
  last_name text,
  locale text,
  primary key (tenant, id),
  unique (tenant, event_id, external_id),
  unique (tenant, event_id, email_key),
  check (external_id is not null or email is not null)
);
create index participant_by_event on redjade.participant (tenant, event_id, id);

-- Categories belong to the tenant: all of its events share them.
create table redjade.category (
  id bigint generated always as identity,
  created_at timestamptz not null default now(),
  tenant text not null,
  name text not null,
  primary key (tenant, id),
  unique (tenant, name)
);

-- The value is a JSON text, number or boolean. Without foreign keys, which took half of the time of an action: only
-- redjade.apply writes here, and it removes participants together with their demographics.
create table redjade.demographic (
  participant_id bigint not null,
  category_id bigint not null,
  tenant text not null,
  value jsonb not null,
  primary key (tenant, participant_id, category_id)
);

-- An action applies an import. It is one job of a batch.
create table redjade.participant_import_action (
  id bigint generated always as identity,
  participant_import_id bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  success_count integer not null default 0,
  created_count integer not null default 0,
  updated_count integer not null default 0,
  destroyed_count integer not null default 0,
  skipped_count integer not null default 0,
  ignored_demographics_count integer not null default 0,
  attempt_count integer not null default 0,
  job_index integer not null,
  save_missing_categories boolean not null,
  only_demographics boolean not null,
  destroy_existing_demographics boolean not null,
  destroy_unmatched_participants boolean not null,
  skip_invalid boolean not null,
  skip_duplicate_identity_matches boolean not null,
  tenant text not null,
  status text not null default 'pending' check (status in ('pending', 'started', 'completed', 'failed')),
  created_by_type text not null,
  created_by_id text not null,
  async_id text not null,
  errors jsonb not null default '[]',
  primary key (tenant, id),
  unique (tenant, async_id, job_index),
  foreign key (tenant, participant_import_id) references redjade.participant_import (tenant, id) on delete cascade
);
create index participant_import_action_by_import
  on redjade.participant_import_action (tenant, participant_import_id, id);
