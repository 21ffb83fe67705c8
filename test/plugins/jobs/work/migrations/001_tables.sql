-- What jobs did, run by run, in the order in which it was committed or not.
create table work.entry (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  name text not null,
  async_id text not null,
  index integer not null,
  attempt integer not null,
  pid integer not null
);
-- Jobs that wait for a gate go on when its row is there.
create table work.gate (name text primary key);
