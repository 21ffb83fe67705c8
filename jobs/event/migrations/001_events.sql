-- Events, their races and who is invited to them. Ids are integers within the tenant.
create table event.event (
  id bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  tenant text not null,
  name text not null,
  external_event_id text,
  primary key (tenant, id),
  unique (tenant, external_event_id)
);

create table event.race (
  id bigint not null,
  event_id bigint not null,
  tenant text not null,
  name text not null,
  primary key (tenant, id),
  foreign key (tenant, event_id) references event.event (tenant, id)
);
create index race_by_event on event.race (tenant, event_id);

-- The highest ids of a tenant so far. Whoever writes events takes this row first and keeps it until the
-- commit: one writer a tenant, so that no generated id meets a given one and no race is added twice.
create table event.counter (
  tenant text primary key,
  last_event_id bigint not null default 0,
  last_race_id bigint not null default 0
);

-- One invitation a contact and event. U undecided, Y yes, N no.
create table event.invitation (
  event_id bigint not null,
  contact_id bigint not null,
  created_at timestamptz not null default now(),
  modified_at timestamptz not null default now(),
  mailed_at timestamptz,
  tenant text not null,
  response text not null default 'U' check (response in ('U', 'Y', 'N')),
  -- What the links of the invitation carry: knowing it is the right to answer.
  token text not null,
  -- The idempotency key of the job that invited: a further run of it answers the same links.
  job_key text not null,
  primary key (tenant, event_id, contact_id),
  unique (tenant, token),
  foreign key (tenant, event_id) references event.event (tenant, id)
);
