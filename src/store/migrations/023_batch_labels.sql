-- What callers call their batches, and when they are called back.
alter table batchwright.batch
  add column name text,
  -- An object of texts.
  add column metadata json,
  -- The callback is sent only when some job has not succeeded.
  add column callback_on_failure boolean not null default false;

-- A filter by either finds the few batches that have it.
create index batch_by_name on batchwright.batch (tenant, name, id) where name is not null;
create index batch_with_metadata on batchwright.batch (tenant, id) where metadata is not null;
