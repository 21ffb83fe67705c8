-- Functions, because an action must be applied by one statement: what says that it has started is committed before,
-- and a statement that sees the effects of an earlier one is a new statement within a function.
--
-- Nested loops are off: the tables have no statistics right after a large upload, and Postgres then joins its 100,000
-- rows with each other as if they were few. Compiling these statements takes longer than running them.

-- Matches the rows of an import with the event's participants and with each other, and counts the results.
--
-- * matched_id: the participant with the row's external_id, else the one with its e-mail.
-- * conflict_id: the participant with its e-mail, when another one has its external_id. Such a row is invalid.
-- * duplicate_of: the first valid row that has the same external_id or e-mail, or matches the same participant, when it
--   is an earlier one.
-- * is_kept: neither invalid nor a duplicate.
create function redjade.resolve(of_tenant text, of_import bigint) returns void
language plpgsql set enable_nestloop = off set jit = off as $$
declare
  import redjade.participant_import;
begin
  select * into strict import from redjade.participant_import where tenant = of_tenant and id = of_import;

  with matched as (
    select r.n, r.is_valid, r.external_id, r.email_key, known.id as by_id, mailed.id as by_email
    from redjade.import_row r
    left join redjade.participant known
      on known.tenant = of_tenant and known.event_id = import.event_id and known.external_id = r.external_id
    left join redjade.participant mailed
      on mailed.tenant = of_tenant and mailed.event_id = import.event_id and mailed.email_key = r.email_key
    where r.tenant = of_tenant and r.upload = import.upload
  ), checked as (
    select n, external_id, email_key,
      coalesce(by_id, by_email) as matched_id,
      case when by_id is not null then 'external_id' when by_email is not null then 'email' end as matched_by,
      case when by_id <> by_email then by_email end as conflict_id,
      is_valid and (by_id <> by_email) is not true as is_usable
    from matched
  ), compared as (
    select *, least(
      case when external_id is not null then min(n) over (partition by is_usable, external_id) end,
      case when email_key is not null then min(n) over (partition by is_usable, email_key) end,
      case when matched_id is not null then min(n) over (partition by is_usable, matched_id) end
    ) as first_n
    from checked
  ), resolved as (
    select n, matched_id, matched_by, conflict_id,
      case when is_usable and first_n < n then first_n end as duplicate_of,
      is_usable and first_n = n as is_kept
    from compared
  )
  update redjade.import_row r set
    matched_id = resolved.matched_id, matched_by = resolved.matched_by, conflict_id = resolved.conflict_id,
    duplicate_of = resolved.duplicate_of, is_kept = resolved.is_kept
  from resolved
  where r.tenant = of_tenant and r.upload = import.upload and r.n = resolved.n
    and (r.matched_id, r.matched_by, r.conflict_id, r.duplicate_of, r.is_kept) is distinct from
      (resolved.matched_id, resolved.matched_by, resolved.conflict_id, resolved.duplicate_of, resolved.is_kept);

  update redjade.participant_import p set
    row_count = counts.total, valid_count = counts.valid, invalid_count = counts.total - counts.valid,
    matched_count = counts.matched, duplicate_count = counts.duplicates, updated_at = now()
  from (
    select count(*) as total,
      count(*) filter (where is_valid and conflict_id is null) as valid,
      count(*) filter (where is_valid and conflict_id is null and matched_id is not null) as matched,
      count(duplicate_of) as duplicates
    from redjade.import_row where tenant = of_tenant and upload = import.upload
  ) as counts
  where p.tenant = of_tenant and p.id = of_import;
end $$;

-- Applies an action: all of it or nothing, and only once. Returns `applied`, `gone` when the import or the action is
-- no longer there, and `refused` when a row is in the way that no option skips; then nothing is applied.
create function redjade.apply(of_tenant text, of_action bigint) returns text
language plpgsql set enable_nestloop = off set jit = off as $$
declare
  import redjade.participant_import;
  action redjade.participant_import_action;
  created integer := 0;
  updated integer := 0;
  destroyed integer := 0;
  ignored integer := 0;
begin
  -- Lock order: import, then event. The action is not locked while it waits: the request that created it records its
  -- creator meanwhile. Deleting the import locks it first too.
  select p.* into import from redjade.participant_import p
  where p.tenant = of_tenant and p.id = (
    select a.participant_import_id from redjade.participant_import_action a
    where a.tenant = of_tenant and a.id = of_action
  )
  for no key update;
  if not found then return 'gone'; end if;
  -- One action of an event after the other: the next one matches the participants that this one adds.
  perform pg_advisory_xact_lock(hashtextextended('redjade ' || import.event_id || ' ' || of_tenant, 0));
  -- Another run of the same action may have ended before.
  select * into action from redjade.participant_import_action where tenant = of_tenant and id = of_action;
  if not found then return 'gone'; end if;
  if action.status = 'completed' then return 'applied'; end if;

  perform redjade.resolve(of_tenant, import.id);
  select * into strict import from redjade.participant_import where tenant = of_tenant and id = import.id;
  if (import.invalid_count > 0 and not action.skip_invalid)
    or (import.duplicate_count > 0 and not action.skip_duplicate_identity_matches)
  then
    return 'refused';
  end if;

  if action.destroy_unmatched_participants then
    with gone as (
      delete from redjade.participant p
      where p.tenant = of_tenant and p.event_id = import.event_id and not exists (
        select from redjade.import_row r
        where r.tenant = of_tenant and r.upload = import.upload and r.matched_id = p.id
      )
      returning p.id
    ), described as (
      delete from redjade.demographic d using gone where d.tenant = of_tenant and d.participant_id = gone.id
    )
    select count(*) into destroyed from gone;
  end if;

  if action.destroy_existing_demographics then
    delete from redjade.demographic d
    using redjade.import_row r
    where r.tenant = of_tenant and r.upload = import.upload and r.is_kept
      and d.tenant = of_tenant and d.participant_id = r.matched_id;
  end if;

  if action.save_missing_categories then
    -- In order, so that the actions of two events do not wait for each other's categories.
    insert into redjade.category (tenant, name)
    select distinct of_tenant, name
    from redjade.import_row r cross join jsonb_object_keys(r.demographics) as name
    where r.tenant = of_tenant and r.upload = import.upload and r.is_kept
      and (r.matched_id is not null or not action.only_demographics)
    order by name
    on conflict (tenant, name) do nothing;
  else
    select count(*) into ignored
    from redjade.import_row r cross join jsonb_object_keys(r.demographics) as name
    where r.tenant = of_tenant and r.upload = import.upload and r.is_kept
      and (r.matched_id is not null or not action.only_demographics)
      and name not in (select c.name from redjade.category c where c.tenant = of_tenant);
  end if;

  select count(*) into updated
  from redjade.import_row r
  where r.tenant = of_tenant and r.upload = import.upload and r.is_kept and r.matched_id is not null;

  -- What stays the same is not written: an import is often sent again with few changes.
  if not action.only_demographics then
    update redjade.participant p set
      external_id = coalesce(r.external_id, p.external_id), email = coalesce(r.email, p.email),
      first_name = coalesce(r.first_name, p.first_name), last_name = coalesce(r.last_name, p.last_name),
      locale = coalesce(r.locale, p.locale), updated_at = now()
    from redjade.import_row r
    where r.tenant = of_tenant and r.upload = import.upload and r.is_kept
      and p.tenant = of_tenant and p.id = r.matched_id
      and (p.external_id, p.email, p.first_name, p.last_name, p.locale) is distinct from (
        coalesce(r.external_id, p.external_id), coalesce(r.email, p.email), coalesce(r.first_name, p.first_name),
        coalesce(r.last_name, p.last_name), coalesce(r.locale, p.locale)
      );
  end if;

  insert into redjade.demographic as d (tenant, participant_id, category_id, value)
  select of_tenant, r.matched_id, c.id, named.value
  from redjade.import_row r
  cross join jsonb_each(r.demographics) as named
  join redjade.category c on c.tenant = of_tenant and c.name = named.key
  where r.tenant = of_tenant and r.upload = import.upload and r.is_kept and r.matched_id is not null
  on conflict (tenant, participant_id, category_id) do update set value = excluded.value
    where d.value is distinct from excluded.value;

  if not action.only_demographics then
    with new_row as materialized (
      select nextval(pg_get_serial_sequence('redjade.participant', 'id')) as id, unnumbered.*
      from (
        select external_id, email, first_name, last_name, locale, demographics
        from redjade.import_row r
        where r.tenant = of_tenant and r.upload = import.upload and r.is_kept and r.matched_id is null
        order by n
      ) as unnumbered
    ), added as (
      insert into redjade.participant (tenant, id, event_id, external_id, email, first_name, last_name, locale)
      overriding system value
      select of_tenant, id, import.event_id, external_id, email, first_name, last_name, locale from new_row
      returning id
    ), described as (
      insert into redjade.demographic (tenant, participant_id, category_id, value)
      select of_tenant, new_row.id, c.id, named.value
      from new_row
      cross join jsonb_each(new_row.demographics) as named
      join redjade.category c on c.tenant = of_tenant and c.name = named.key
      returning 1
    )
    select count(*) into created from added;
  end if;

  update redjade.participant_import_action set
    status = 'completed', success_count = created + updated, created_count = created, updated_count = updated,
    destroyed_count = destroyed, skipped_count = import.row_count - created - updated,
    ignored_demographics_count = ignored, errors = '[]', updated_at = now()
  where tenant = of_tenant and id = of_action;
  return 'applied';
end $$;
