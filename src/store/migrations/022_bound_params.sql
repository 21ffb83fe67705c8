-- The params that a job ran with, when values of other jobs' responses were bound into them: recorded with its result.
create table batchwright.bound_params (
  batch_id uuid not null,
  index integer not null,
  -- As chunk-body.ts writes it, and its length before it was compressed.
  params bytea not null,
  length integer not null,
  primary key (batch_id, index)
);
-- It is compressed already.
alter table batchwright.bound_params alter column params set storage external;
