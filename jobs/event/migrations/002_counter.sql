-- A very high id that a caller gave took the counter along, and left no id to be generated. Such ids are stepped over
-- now: the counters go back to the highest ids below them.
update event.counter
set last_event_id = coalesce(
  (select max(id) from event.event where event.tenant = counter.tenant and id <= 4503599627370496), 0)
where last_event_id > 4503599627370496;

update event.counter
set last_race_id = coalesce(
  (select max(id) from event.race where race.tenant = counter.tenant and id <= 4503599627370496), 0)
where last_race_id > 4503599627370496;
