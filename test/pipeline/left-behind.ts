/** The state that a session can keep beyond its transactions, each with a query that shows it. */
export const LEFT_BEHIND: Record<string, { statements: string[]; tells: string }> = {
  'a setting': { statements: ["set work_mem = '77MB'"], tells: "current_setting('work_mem') = '77MB'" },
  'a search path': { statements: ['set search_path = pgboss'], tells: "current_schema() = 'pgboss'" },
  'a role': { statements: ['set role pg_monitor'], tells: "current_user = 'pg_monitor'" },
  'a lock': {
    statements: ['select pg_advisory_lock(4711)'],
    tells: "exists (select from pg_locks where locktype = 'advisory' and objid = 4711)",
  },
  'a table': {
    statements: ['create temp table left_behind ()'],
    tells: "to_regclass('left_behind') is not null",
  },
  'a channel': { statements: ['listen left_behind'], tells: 'exists (select from pg_listening_channels())' },
  'a cursor': {
    statements: ['declare left_behind cursor with hold for select 1'],
    tells: 'exists (select from pg_cursors)',
  },
};
