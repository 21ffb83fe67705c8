-- How many jobs a worker has finished since its start: the pages about throughput add them up.
alter table batchwright.worker add column jobs_finished bigint not null default 0;
