-- The worker processes that take jobs. Each renews its row every few seconds; the row of one that was killed is deleted
-- by another.
create table batchwright.worker (
  id uuid primary key,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  host text not null,
  pid integer not null,
  version text not null,
  -- Chunks at once in each queue.
  concurrency integer not null,
  -- What it works on: {queue, asyncId, chunk, attempt, since} each.
  running json not null default '[]'
) with (fillfactor = 50);
