/**
 * The minimum work of a one-job batch: express accepts a `run`, commits four transactions in sequence, and
 * POSTs to the callback. A separate process, forked with DATABASE_URL; it sends its port.
 */
import { once } from 'node:events';
import { Agent, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import express from 'express';
import pg from 'pg';

const TRANSACTIONS = 4;
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4 });
await pool.query(
  'create table step (id bigint generated always as identity primary key, data json not null)',
);

async function commitOne(data: object): Promise<void> {
  const client = await pool.connect();
  await client.query('begin');
  await client.query('insert into step (data) values ($1)', [data]);
  await client.query('commit');
  client.release();
}

// Like ours, it keeps no connection to a receiver.
const agent = new Agent({ keepAlive: false });
const app = express();
app.post('/batch', async (request, response) => {
  const body = (await json(request)) as { callbackUrl: string };
  for (let step = 0; step < TRANSACTIONS; step++) await commitOne(body);
  const sent = send(body.callbackUrl, { method: 'POST', agent });
  sent.end(JSON.stringify(body));
  const [answer] = await once(sent, 'response');
  answer.resume();
  response.json({ asyncId: 'none' });
});
const server = app.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit());
