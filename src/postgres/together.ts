/** Work on several batches in one statement, where the database can do that. */
import type { Pool } from 'pg';
import { isUnsupported } from './errors.ts';

/** Databases that refused it, as a Citus cluster does. */
const refusing = new WeakSet<Pool>();

/** Does the work together, or each alone when the database refuses the statement. It is asked once. */
export async function togetherOrAlone<T>(
  pool: Pool,
  together: () => Promise<T>,
  alone: () => Promise<T>,
): Promise<T> {
  if (refusing.has(pool)) return alone();
  try {
    return await together();
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    refusing.add(pool);
    return alone();
  }
}

/** True when the database has refused to work on several batches in one statement. */
export function mustBeAlone(pool: Pool): boolean {
  return refusing.has(pool);
}
