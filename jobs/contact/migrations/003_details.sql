-- What else iVvy keeps of a contact.
alter table contact.contact add column external_id text;
create index contact_by_external_id on contact.contact (tenant, lower(external_id)) where external_id is not null;

-- For updateIfExists, which looks for the names and the e-mail address. `tenant || ''` keeps the planner from mixing
-- up this index and the primary key: in a tenant that its statistics do not know it would otherwise look for an address
-- in the one, or for an id in the other, by reading all contacts of the tenant.
create index contact_by_email on contact.contact (lower(email), (tenant || ''));
