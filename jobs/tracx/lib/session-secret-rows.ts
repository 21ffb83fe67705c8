/** The statement on `tracx.session_secret`. */
import type { Sql } from 'batchwright/plugin';

/** Throws when the row was deleted by hand: no token can be made or checked then. */
export async function readSecret(sql: Sql): Promise<string> {
  const { rows } = await sql.query<{ secret: string }>('select secret from tracx.session_secret');
  if (!rows[0]) throw new Error('tracx.session_secret has no row');
  return rows[0].secret;
}
