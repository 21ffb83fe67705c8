import { randomBytes } from 'node:crypto';
import { SERVER_VARIABLE, TEMPLATE_VARIABLE, urlWithDatabase, withClient } from '../support/server.ts';

/** The address of a database without tables, as an operator creates it; dropped when the test ends. */
export async function createEmptyDatabase(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const server = process.env[SERVER_VARIABLE] ?? '';
  // The suite's teardown finds databases of killed tests by this prefix.
  const name = `${process.env[TEMPLATE_VARIABLE]}_${randomBytes(6).toString('hex')}`;
  await withClient(server, (client) => client.query(`create database ${name}`));
  t.after(() =>
    withClient(server, async (client) => {
      await client.query(`drop database if exists ${name} with (force)`);
    }),
  );
  return urlWithDatabase(server, name);
}
