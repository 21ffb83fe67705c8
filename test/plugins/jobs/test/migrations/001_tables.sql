-- What jobs did, run by run.
create table test.effect (
  id bigint generated always as identity primary key,
  name text not null,
  async_id text not null,
  index integer not null,
  attempt integer not null
);
-- Jobs that wait for a gate go on when its row is there.
create table test.gate (name text primary key);
