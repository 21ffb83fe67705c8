-- A plugin makes the body of its batches' callbacks in a form of its own, and adds headers. The headers may have secrets:
-- they are encrypted.
alter table batchwright.batch add column callback_form text, add column callback_headers bytea;
