/** The statements on the events, which another namespace keeps. */
import { NonRetryableError, type Sql } from 'batchwright/plugin';

/** False on a server without the namespace `event`. */
async function hasEvents(sql: Sql): Promise<boolean> {
  const { rows } = await sql.query<{ found: boolean }>(
    "select to_regclass('event.event') is not null as found",
  );
  return rows[0]?.found === true;
}

async function findByEitherId(
  sql: Sql,
  tenant: string,
  externalId: string,
  id: number | null,
): Promise<number | null> {
  const { rows } = await sql.query<{ id: number }>(
    `select id from event.event
     where tenant = $1 and (external_event_id = $2 or (id = $3::bigint and external_event_id is null))
     order by external_event_id limit 1`,
    [tenant, externalId, id],
  );
  return rows[0]?.id ?? null;
}

/**
 * The id of the event with this externalEventId, or with this id when it has no externalEventId. Throws
 * NonRetryableError (404) when the tenant has none.
 */
export async function requireEvent(
  sql: Sql,
  tenant: string,
  externalEventId: string | number,
): Promise<number> {
  const text = String(externalEventId);
  const number = shownEventId(text);
  // Postgres does not take U+0000, which a query may have; the schemas of the actions refuse it.
  const found =
    !text.includes('\u0000') && (await hasEvents(sql))
      ? await findByEitherId(sql, tenant, text, typeof number === 'number' ? number : null)
      : null;
  if (found !== null) return found;
  const message = `There is no event with the external_event_id ${JSON.stringify(externalEventId).slice(0, 100)}`;
  throw new NonRetryableError(message, {
    errorCode: 404,
    details: { errors: [{ message, field: 'external_event_id' }] },
  });
}

/** A number where the text is a whole number as it is usually written, because that is RedJade's type. */
export function shownEventId(text: string): string | number {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 && String(number) === text ? number : text;
}
