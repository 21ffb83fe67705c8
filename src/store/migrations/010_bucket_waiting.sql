-- Jobs in hand of a worker process that wait for a limit, as the process reported last. Jobs that wait for a limit in
-- the queue are not here.
create table batchwright.bucket_waiting (
  batch_id uuid,
  bucket text collate "C",
  holder uuid,
  tenant text not null,
  jobs integer not null,
  -- A process that is gone no longer reports.
  expires_at timestamptz not null,
  primary key (batch_id, bucket, holder)
);
create index bucket_waiting_by_holder on batchwright.bucket_waiting (holder);
