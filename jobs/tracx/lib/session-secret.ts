import { createSecretKey, type KeyObject } from 'node:crypto';
import type { Sql } from 'batchwright/plugin';
import { readSecret } from './session-secret-rows.ts';

/** It never changes, so each database is asked once. */
const secrets = new WeakMap<Sql, Promise<KeyObject>>();

/** The key that signs the session tokens of this database. */
export function sessionSecret(sql: Sql): Promise<KeyObject> {
  const known = secrets.get(sql);
  if (known) return known;
  const reading = readSecret(sql).then((secret) => createSecretKey(Buffer.from(secret)));
  secrets.set(sql, reading);
  // A failure must not be remembered.
  reading.catch(() => secrets.delete(sql));
  return reading;
}
