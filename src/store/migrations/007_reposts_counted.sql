-- How often the callback was asked for again since the batch has ended: messages that were sent before are superseded.
-- Their times do not tell: a transaction that began earlier may have waited for one that began later.
alter table batchwright.batch add column reposts integer not null default 0;
