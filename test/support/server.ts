import pg from 'pg';

/** The address of the suite's Postgres, passed to the test processes by global-setup.ts. */
export const SERVER_VARIABLE = 'BATCHWRIGHT_TEST_SERVER';
export const TEMPLATE_VARIABLE = 'BATCHWRIGHT_TEST_TEMPLATE';
/** The nodes of a cluster whose coordinator it is, separated by spaces; empty without one. */
export const NODES_VARIABLE = 'BATCHWRIGHT_TEST_NODES';

export function urlWithDatabase(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href;
}

/** Lends a new connection to `work` and closes it. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
