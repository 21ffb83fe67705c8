/**
 * A client of OS1's participants: it creates cars from JSON, changes one, creates more from a CSV file, and polls the
 * status of each batch. Every request is one that OS1 documents, with another host and one of our API keys as the
 * token.
 *
 * `npm run demo -- os1` runs it against a server of its own.
 */
import { setTimeout as sleep } from 'node:timers/promises';

interface Options {
  url: string;
  adminKey: string;
  callbackUrl?: string;
  print(line: string): void;
}

/** The answer to every batch. */
interface Taken {
  batchId: string;
}

interface Status {
  status: string;
  successCount: number;
  failureCount: number;
  successDetails: { uniqueCode: string; id: string }[];
  failureDetails: { uniqueCode: string | null; errors: { message: string; code: string }[] }[];
}

const CARS = [
  { uniqueCode: 'QK6A-JI6S-7ETR', name: 'car1', owner: 'worldlogistics', properties: { color: 'red' } },
  { uniqueCode: 'QK6A-JI6S-7ETS', name: 'car2', owner: 'worldlogistics', properties: { doors: 5 } },
  { name: 'a car without a code' },
];

const FILE = `uniqueCode;name;owner;properties.color
C-1;"car 3; used";worldlogistics;green
C-2;car 4;worldlogistics;white
C-3;car 5
`;

export async function run({ url, adminKey, callbackUrl, print }: Options): Promise<void> {
  const cars = `${url}/core/api/v2/participants/cars/batch`;
  const headers = {
    'X-COREOS-ACCESS': adminKey,
    'X-COREOS-TID': 'default',
    'X-COREOS-REQUEST-ID': 'example 1',
  };

  async function send<Data>(method: string, address: string, body?: string | FormData): Promise<Data> {
    const response = await fetch(address, { method, headers, ...(body === undefined ? {} : { body }) });
    const answer = (await response.json()) as { data: Data };
    if (!response.ok) throw new Error(`${method} ${address}: ${response.status} ${JSON.stringify(answer)}`);
    return answer.data;
  }

  /** Polls until the batch has ended, and prints what became of its items. */
  async function follow({ batchId }: Taken): Promise<Status> {
    for (;;) {
      const found = await send<Status>('GET', `${cars}/status?batchId=${batchId}`);
      if (found.status !== 'in progress') {
        print(`  ${found.status}: ${found.successCount} succeeded, ${found.failureCount} failed`);
        for (const { uniqueCode, id } of found.successDetails) print(`    ${uniqueCode} is ${id}`);
        for (const { uniqueCode, errors } of found.failureDetails)
          print(`    ${uniqueCode ?? 'an item without a code'}: ${errors[0]?.message}`);
        return found;
      }
      await sleep(50);
    }
  }

  const callback = callbackUrl === undefined ? {} : { callback: { url: callbackUrl } };
  print('POST /core/api/v2/participants/cars/batch creates two cars; a third has no code.');
  const created = await follow(
    await send<Taken>('POST', cars, JSON.stringify({ payload: CARS, ...callback })),
  );

  print('PATCH on the same path changes the color of the first one; its other properties stay.');
  const [{ id = '' } = {}] = created.successDetails;
  const payload = [{ id, properties: { color: 'blue' } }];
  await follow(await send<Taken>('PATCH', cars, JSON.stringify({ payload })));

  print('POST …/batch/upload creates the cars of a CSV file; its last line is too short.');
  const form = new FormData();
  form.append('file', new Blob([FILE], { type: 'text/csv' }), 'cars.csv');
  await follow(await send<Taken>('POST', `${cars}/upload`, form));

  const response = await fetch(`${url}/api/1.0/os1?action=getParticipant`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}` },
    body: JSON.stringify({ id }),
  });
  const { name, properties } = (await response.json()) as { name: string; properties: object };
  print(`os1.getParticipant reads ${name} back: ${JSON.stringify(properties)}`);
}
