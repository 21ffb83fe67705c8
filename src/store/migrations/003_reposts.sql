-- When a caller last asked for the callback again: messages that were sent before it are superseded.
alter table batchwright.batch add column reposted_at timestamptz;
