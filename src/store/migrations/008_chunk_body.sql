-- Jobs are compressed by us, in less time than Postgres takes: the first byte of a body says how. Chunks of the
-- release before keep their text in `jobs`.
alter table batchwright.chunk add column body bytea, alter column jobs drop not null;
alter table batchwright.chunk alter column body set storage external;
