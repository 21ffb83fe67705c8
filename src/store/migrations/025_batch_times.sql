-- Batches that start at a time, must have started by a time, or stop when too many jobs have failed.
alter table batchwright.batch
  add column start_at timestamptz,
  -- No job starts: the time has not come, or no worker has noticed.
  add column is_scheduled boolean not null default false,
  add column deadline_seconds double precision,
  add column deadline_at timestamptz,
  add column stop_failed integer,
  add column stop_percent double precision,
  add column stop_finished integer,
  -- Jobs that had succeeded and failed at the last restart: they do not count.
  add column stop_from_succeeded integer not null default 0,
  add column stop_from_failed integer not null default 0,
  -- Why nothing starts any more, when no caller has cancelled it: deadline, stopAfter.
  add column stopped_by text,
  -- When a worker must look at the batch next.
  add column due_at timestamptz;
create index batch_due on batchwright.batch (due_at) where due_at is not null;
