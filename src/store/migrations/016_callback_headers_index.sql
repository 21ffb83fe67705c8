-- When SECRET_KEY changes, all encrypted headers are encrypted again.
create index batch_with_callback_headers on batchwright.batch (id) where callback_headers is not null;
