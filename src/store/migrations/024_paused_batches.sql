-- While a batch is paused, none of its jobs starts.
alter table batchwright.batch add column paused boolean not null default false;
