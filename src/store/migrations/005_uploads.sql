-- A request whose jobs are stored while the rest of it is still being sent. Its chunks have no batch yet, so nobody
-- sees them. The row is a fence: the transaction that stores the batch deletes it, and so does whoever deletes the
-- chunks of a request that was given up; the second of them finds no row and does nothing.
create table batchwright.upload (
  batch_id uuid primary key,
  -- Renewed while the request is being read; an old one is of a process that is gone.
  seen_at timestamptz not null default now(),
  -- The process, which holds an advisory lock on this number for as long as it lives.
  owner integer not null,
  tenant text not null,
  idempotency_key text
);
create index upload_by_idempotency_key on batchwright.upload (tenant, idempotency_key) where idempotency_key is not null;
