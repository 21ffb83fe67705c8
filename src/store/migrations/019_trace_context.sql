-- The headers by which workers continue the trace of the request that stored the batch; null when nothing traces.
alter table batchwright.batch add column trace_context json;
