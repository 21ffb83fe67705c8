-- Batches whose jobs depend on each other. What is stored of a plan is integers, by chunk: rows for each edge of a million
-- would take a hundred times as long to store.

alter type batchwright.result_status add value 'skipped';

alter table batchwright.batch
  add column skipped integer not null default 0,
  -- Jobs that wait for other jobs.
  add column waiting integer not null default 0,
  add column is_planned boolean not null default false;

-- The row is the lock under which jobs are released: one process at a time does that for a batch.
create table batchwright.plan (
  batch_id uuid primary key,
  -- The first index of each chunk, then the number of jobs; as 32-bit integers.
  bounds bytea not null
);

-- The part of a chunk's jobs; a chunk without a part has no row.
create table batchwright.plan_chunk (
  batch_id uuid not null,
  number integer not null,
  -- Jobs of it that wait.
  waiting integer not null,
  -- Who waits for its jobs, and more, as encodeGraph writes it. It never changes.
  graph bytea not null,
  -- How many dependencies each job has, as 16-bit integers; null when none waits from the beginning.
  needs bytea,
  -- How many of them are not met yet; 0 for a job that does not wait.
  pending bytea,
  primary key (batch_id, number)
);
-- Compressing would cost more time than it saves.
alter table batchwright.plan_chunk alter column graph set storage external, alter column needs set storage external,
  alter column pending set storage external;

create table batchwright.plan_group (
  batch_id uuid not null,
  number integer not null,
  size integer not null,
  -- Jobs of it that have not ended.
  remaining integer not null,
  -- The job at the root of the first that did not succeed, and of the first that did not fail.
  unsucceeded integer,
  unfailed integer,
  name text not null,
  -- Edges to the jobs that wait for it, as 32-bit integers.
  dependents bytea not null,
  primary key (batch_id, number)
);

-- Ends that are still to be handed on: jobs by index, groups by negative number. Written by the transaction that records
-- the results, deleted by the one that releases what waited for them.
create table batchwright.plan_note (
  batch_id uuid not null,
  id uuid not null,
  created_at timestamptz not null default now(),
  -- Dependents of the first node that were told already.
  told integer not null default 0,
  nodes integer[] not null,
  -- 0 succeeded, 1 failed, 2 anything else.
  ends smallint[] not null,
  -- The job at the root of each.
  causes integer[] not null,
  primary key (batch_id, id)
);
