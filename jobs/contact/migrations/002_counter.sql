-- A very high id that a caller gave took the counter along, and left no id to be generated. Such ids are stepped over
-- now: the counter goes back to the highest id below them.
update contact.counter
set last_id = coalesce(
  (select max(id) from contact.contact where contact.tenant = counter.tenant and id <= 4503599627370496), 0)
where last_id > 4503599627370496;
