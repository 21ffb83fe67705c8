-- What else iVvy keeps of a contact.
alter table contact.contact add column external_id text;
create index contact_by_external_id on contact.contact (tenant, lower(external_id)) where external_id is not null;

-- For updateIfExists, which looks for the names and the e-mail address.
create index contact_by_email on contact.contact (tenant, lower(email));
