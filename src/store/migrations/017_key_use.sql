-- When a request with the key was last accepted, to the minute.
alter table batchwright.api_key add column last_used_at timestamptz;
