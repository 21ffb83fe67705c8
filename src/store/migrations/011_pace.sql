-- A pace that was found out grows faster where nothing was refused, and slower near what was.

alter table batchwright.bucket
  -- The pace at the last refusal.
  add column refused_pace double precision,
  -- The pace is set when the sleep that a refusal began is over: starts under way at the refusal count too.
  add column is_refused boolean not null default false;

-- Renews and changes the leases of a process, and gives it starts, for several buckets:
-- {key, running, wanted, max, starts, intervalMs, burst, adaptive, accepted} each. Without `max` runs are not counted,
-- without `intervalMs` starts are not. The starts given belong to the caller alone: `starts` of them, the first at
-- `next_ms` from now, each `interval_ms` after the one before. They begin within the next second.
create or replace function batchwright.sync_buckets(me uuid, asks json)
returns table (
  key text, held integer, starts integer, next_ms double precision, interval_ms double precision,
  asleep_ms double precision, now_ms double precision
) language plpgsql as $$
declare
  ask record;
  b batchwright.bucket;
  others record;
  took double precision;
  at timestamptz;
  horizon constant double precision := 1000;
  -- A worker's death frees its leases after this time.
  lease_time constant interval := '20 s';
begin
  -- A crash of the database may undo the last of these, which is harmless.
  perform set_config('synchronous_commit', 'off', true);
  for ask in
    select * from json_to_recordset(asks) as given (
      key text, running int, wanted int, max int, starts int, "intervalMs" float8, burst int, adaptive boolean, accepted int)
    order by given.key collate "C"
  loop
    select * into b from batchwright.bucket as known where known.key = ask.key for update;
    if not found then
      insert into batchwright.bucket as made (key) values (ask.key) on conflict do nothing;
      select * into b from batchwright.bucket as known where known.key = ask.key for update;
    end if;
    at := clock_timestamp();
    key := ask.key;
    asleep_ms := case when b.asleep_until > at then extract(epoch from b.asleep_until - at) * 1000 end;
    held := null;

    if ask.max is not null then
      select coalesce(sum(lease.held), 0)::int as held, count(*)::int as sharers,
        coalesce(bool_or(lease.wanted > lease.held), false) as want
      into others from batchwright.bucket_lease as lease
      where lease.bucket = ask.key and lease.holder <> me and lease.expires_at > at;
      held := ask.wanted;
      -- Its part, when others have less than they want.
      if others.want then held := least(held, greatest(1, ask.max / (others.sharers + 1))); end if;
      held := greatest(0, least(held, ask.max - others.held));
      if ask.wanted > 0 or held > 0 then
        -- Runs under way are counted until they end.
        insert into batchwright.bucket_lease as lease (bucket, holder, held, wanted, running, expires_at)
        values (ask.key, me, greatest(sync_buckets.held, ask.running), ask.wanted, ask.running, at + lease_time)
        on conflict (bucket, holder) do update set held = excluded.held, wanted = excluded.wanted,
          running = excluded.running, expires_at = excluded.expires_at;
      else
        delete from batchwright.bucket_lease as lease where lease.bucket = ask.key and lease.holder = me;
      end if;
    end if;

    if b.used_at < at - interval '5 s' and not b.is_refused then
      b.accepted := 0;
      b.counted_since := at;
    end if;
    b.accepted := b.accepted + ask.accepted;
    interval_ms := ask."intervalMs";
    if b.is_refused and asleep_ms is null then
      took := b.accepted / greatest(0.1, extract(epoch from b.asleep_until - b.counted_since));
      b.refused_pace := b.pace;
      b.pace := greatest(1 / 60.0, case
        when b.pace is null then greatest(0.5, took)
        -- Few starts since the last refusal say little about the pace.
        when b.accepted < 5 then b.pace * 0.9
        -- Most of the time was spent asleep.
        when took < b.pace / 2 then took
        else b.pace * 0.95 end);
      b.paced_at := at;
      b.is_refused := false;
      b.accepted := 0;
      b.counted_since := at;
    end if;
    if ask.adaptive and b.pace is not null then
      -- Raised while nothing is refused: slowly where it was refused before.
      if ask.starts > 0 and asleep_ms is null then
        if b.pace < 0.9 * coalesce(b.refused_pace, 'infinity') then
          if b.paced_at < at - interval '2.5 s' then
            b.pace := b.pace * 1.04;
            b.paced_at := at;
          end if;
        elsif b.paced_at < at - interval '5 s' then
          b.pace := b.pace * 1.01;
          b.paced_at := at;
        end if;
      end if;
      interval_ms := greatest(interval_ms, 1000 / b.pace);
    end if;
    starts := 0;
    next_ms := null;
    if interval_ms is not null then
      -- A slower rate may have put the next start far away.
      next_ms := least(
        greatest(extract(epoch from b.next_at - at) * 1000, 0),
        horizon + ask.burst * interval_ms);
      if asleep_ms is null then
        starts := greatest(0, least(
          ask.starts, floor((horizon + (ask.burst - 1) * interval_ms - next_ms) / interval_ms) + 1))::int;
        if starts > 0 then
          b.next_at := at + (next_ms + starts * interval_ms) * interval '1 ms';
        end if;
      end if;
    end if;

    update batchwright.bucket as known
    set next_at = b.next_at, pace = b.pace, refused_pace = b.refused_pace, paced_at = b.paced_at,
      is_refused = b.is_refused, accepted = b.accepted, counted_since = b.counted_since, used_at = greatest(b.used_at, at)
    where known.key = ask.key;
    now_ms := extract(epoch from at) * 1000;
    return next;
  end loop;
end $$;

-- The other side has refused a start: nothing starts for some seconds. `adaptive`: afterwards starts come at the pace
-- that it has taken, the time asleep counted, or a little below the one that it has refused.
create or replace function batchwright.throttle_bucket(
  of_key text, seconds double precision, adaptive boolean, more_accepted integer)
returns double precision language plpgsql as $$
declare
  b batchwright.bucket;
  at timestamptz;
  until timestamptz;
begin
  perform set_config('synchronous_commit', 'off', true);
  insert into batchwright.bucket (key) values (of_key) on conflict do nothing;
  select * into b from batchwright.bucket where key = of_key for update;
  at := clock_timestamp();
  until := greatest(b.asleep_until, at + seconds * interval '1 s');
  update batchwright.bucket
  set asleep_until = until, is_refused = b.is_refused or adaptive, accepted = b.accepted + more_accepted,
    used_at = until
  where key = of_key;
  return extract(epoch from until - at) * 1000;
end $$;
