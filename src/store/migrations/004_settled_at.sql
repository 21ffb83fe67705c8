-- When results of the batch were last recorded: settles are not committed in the order of their times, and the
-- batch's end must not lie before that of any of its jobs.
alter table batchwright.batch add column settled_at timestamptz;
