-- The actions of a batch's jobs, `namespace.action`, each once: restarting, reposting and cancelling the batch needs
-- their permissions. Null for a batch that an earlier release has stored, until somebody asks.
alter table batchwright.batch add column actions text[];
