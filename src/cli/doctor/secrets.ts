/** Whether SECRET_KEY reads what is stored encrypted. */
import type { ClientBase } from 'pg';
import { countUnreadable } from '../../access/unreadable.ts';
import type { Config } from '../../config/config.ts';
import { findSecretKeys, secretKeyFile } from '../../config/generated-keys.ts';
import { counted } from '../../domain/counted.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

const CHECK = 'SECRET_KEY';

/** @param client of a database on which all migrations have run */
export async function checkSecrets(client: ClientBase, config: Config): Promise<Finding> {
  let secretKeys: readonly string[] | undefined;
  try {
    secretKeys = await findSecretKeys(config);
  } catch (error) {
    return wrong(CHECK, (error as Error).message);
  }
  const keys = await countUnreadable(client, 'keys', secretKeys);
  const headers = await countUnreadable(client, 'callbackHeaders', secretKeys);
  if (keys.unreadable + headers.unreadable > 0) {
    const lost = `${namesOf(keys.unreadable, headers.unreadable)} cannot be read with it`;
    return wrong(CHECK, `${lost}: ${remedyOf(config)}`);
  }
  if (secretKeys === undefined)
    return note(
      CHECK,
      'it is not set: keys that sign and callbackHeaders need it, the same on each machine (openssl rand -hex 32)',
    );
  return ok(CHECK, `it reads what is stored: ${namesOf(keys.looked, headers.looked)}`);
}

function namesOf(keys: number, headers: number): string {
  const ofKeys = counted(keys, 'secret of a signing key', 'secrets of signing keys');
  return `${ofKeys} and ${counted(headers, 'batch with callbackHeaders', 'batches with callbackHeaders')}`;
}

function remedyOf({ databaseUrl, secretKeys, dataDir }: Config): string {
  if (databaseUrl !== undefined) return 'set it to the key that they were stored with, or to new,old';
  const file = secretKeyFile(dataDir);
  return secretKeys === undefined
    ? `write the key that they were stored with into ${file}, or new,old`
    : `set it to the key that they were stored with, or to new,old (${file} has the key of a start without the variable)`;
}
