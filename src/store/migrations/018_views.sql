-- The results that a page about failures reads: few of a million, and none of them is found by reading all.
create index result_unsuccessful on batchwright.result (batch_id, index) where status <> 'succeeded';
-- Batches with failures, and callbacks that are not delivered, of one tenant.
create index batch_with_failures on batchwright.batch (tenant, id) where failed > 0;
create index batch_callback_open on batchwright.batch (tenant, id) where callback_state in ('pending', 'failed');
