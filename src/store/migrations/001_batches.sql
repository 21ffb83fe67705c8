-- What one batch is made of. Column order saves padding: wide fixed columns first.
-- Every key and join begins with batch_id, so that the tables can be distributed by it.

create type batchwright.batch_state as enum ('queued', 'running', 'completed', 'cancelled');
create type batchwright.result_status as enum ('succeeded', 'failed', 'cancelled');
create type batchwright.callback_state as enum ('pending', 'delivered', 'failed', 'superseded');

-- UUIDv7 from the database's clock (Postgres has uuidv7() only from 18 on): 48 bits of milliseconds,
-- the rest random, version bits turned from 4 to 7.
create function batchwright.new_batch_id() returns uuid language sql volatile parallel safe as $$
  select encode(
    set_bit(set_bit(
      overlay(
        uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid
$$;

-- A request. The counters are the progress: reading one row answers for all jobs.
create table batchwright.batch (
  id uuid primary key,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  expires_at timestamptz not null,
  total integer not null check (total > 0),
  succeeded integer not null default 0,
  failed integer not null default 0,
  cancelled integer not null default 0,
  -- Raised by a restart: what an older generation still has in flight records nothing.
  generation integer not null default 1,
  state batchwright.batch_state not null default 'queued',
  callback_state batchwright.callback_state,
  cancel_requested boolean not null default false,
  callback_attempts integer not null default 0,
  tenant text not null,
  key_id text not null,
  callback_url text,
  idempotency_key text,
  idempotency_digest bytea,
  options json not null default '{}'
);
create index batch_by_tenant on batchwright.batch (tenant, id);
-- Not unique: uniqueness is held by an advisory lock on (tenant, key) while a batch is stored.
create index batch_by_idempotency_key on batchwright.batch (tenant, idempotency_key) where idempotency_key is not null;
create index batch_unfinished on batchwright.batch (id) where state in ('queued', 'running');
create index batch_callback_pending on batchwright.batch (id) where callback_state = 'pending';
create index batch_by_expiry on batchwright.batch (expires_at);

-- Jobs as they were sent, in request order. `json` keeps the caller's text and takes \u0000 and lone
-- surrogates, which jsonb refuses.
create table batchwright.chunk (
  batch_id uuid not null,
  number integer not null,
  first_index integer not null,
  count integer not null,
  -- The queues that its jobs' actions belong to: one message each.
  queues text[] not null,
  -- Jobs that were refused under skipInvalid, by index, and the error object of each.
  invalid_indexes integer[],
  invalid_errors json,
  jobs json not null,
  primary key (batch_id, number)
) partition by range (batch_id);

-- The one recorded outcome of a job: the primary key is what makes "exactly one result" true.
create table batchwright.result (
  batch_id uuid not null,
  started_at timestamptz,
  finished_at timestamptz not null,
  index integer not null,
  status batchwright.result_status not null,
  attempts smallint not null,
  response json,
  primary key (batch_id, index) with (fillfactor = 100)
) partition by range (batch_id);

-- Ids sort by time, so a day's batches are a range of ids: what is old is dropped as whole tables.

create function batchwright.first_batch_id(at timestamptz) returns uuid language sql immutable parallel safe as $$
  select rpad(encode(substring(int8send((extract(epoch from at) * 1000)::bigint) from 3), 'hex'), 32, '0')::uuid
$$;

-- Makes the partitions of yesterday up to so many days ahead; answers how many it made. Created first and
-- attached then: creating a partition in place would lock out every batch for as long as it takes.
create function batchwright.make_partitions(ahead integer) returns integer language plpgsql as $$
declare
  made integer := 0;
  today date := (now() at time zone 'UTC')::date;
  day date;
  parent text;
  partition text;
begin
  perform pg_advisory_xact_lock(hashtextextended('batchwright partitions', 0));
  foreach parent in array array['chunk', 'result'] loop
    for offset_days in -1..ahead loop
      day := today + offset_days;
      partition := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
      continue when to_regclass('batchwright.' || partition) is not null;
      execute format('create table batchwright.%I (like batchwright.%I including all)', partition, parent);
      execute format('alter table batchwright.%I attach partition batchwright.%I for values from (%L) to (%L)',
        parent, partition,
        batchwright.first_batch_id(day::timestamp at time zone 'UTC'),
        batchwright.first_batch_id((day + 1)::timestamp at time zone 'UTC'));
      made := made + 1;
    end loop;
  end loop;
  return made;
end
$$;
select batchwright.make_partitions(3);

-- A job that was seen running: inserted when it takes long, gone with its result.
create table batchwright.job_progress (
  batch_id uuid not null,
  updated_at timestamptz not null default now(),
  done double precision,
  total double precision,
  index integer not null,
  primary key (batch_id, index)
);

-- One attempt to deliver a callback: the log that callers see.
create table batchwright.delivery (
  batch_id uuid not null,
  attempted_at timestamptz not null default now(),
  next_attempt_at timestamptz,
  number integer not null,
  generation integer not null,
  status integer,
  duration_ms integer not null,
  trigger text not null,
  error text,
  primary key (batch_id, number)
);

create table batchwright.tenant (
  name text primary key,
  created_at timestamptz not null default now(),
  callback_secret text not null
);

create table batchwright.api_key (
  id text primary key,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  tenant text not null references batchwright.tenant (name),
  name text not null,
  created_by text not null,
  permissions text[] not null,
  -- SHA-256 of the secret part; the key itself is shown once and not kept.
  digest bytea not null
);
create index api_key_by_tenant on batchwright.api_key (tenant, created_at);
