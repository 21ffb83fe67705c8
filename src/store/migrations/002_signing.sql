-- Keys of clients that sign their requests instead of sending the key's secret part.

alter table batchwright.api_key
  -- How the client signs; null for a key that is only sent.
  add column signing text check (signing in ('IWS')),
  -- What it signs with, encrypted: a signature is checked by making it again, so a hash would not do.
  add column secret bytea,
  add constraint api_key_signs_with_secret check ((signing is null) = (secret is null));
