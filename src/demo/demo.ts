/**
 * `npm run demo`: starts the product on free ports with an empty database, runs a mixed batch over HTTP,
 * shows its progress, its results and its callback, and leaves nothing behind. `npm run demo -- tracx` runs an example
 * instead: the client of another system. On any error it exits with 1, for an unknown example with 2, and one line that gives
 * the reason.
 */
import { Batchwright } from '../client/index.ts';
import { type Example, exampleOf, UnknownExample } from './examples.ts';
import { addContacts, addEvent, type MixedResponse, mixedJobs, outcomeOf } from './jobs.ts';
import { type DemoProduct, startProduct } from './product.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import * as report from './report.ts';

/** It takes some seconds; a machine that is busy with other things made it take 46. */
const MAX_SECONDS = 120;

/** Ends the demo early, at any point; the abort reason is printed. */
const ending = new AbortController();

async function main(name: string | undefined): Promise<void> {
  // Before anything is started: the name may be wrong.
  const example = name === undefined ? null : await exampleOf(name);
  const startedAt = performance.now();
  {
    await using receiver = await startReceiver(ending.signal);
    await using product = await startProduct(ending);
    report.started(product.url, receiver.url, performance.now() - startedAt);
    if (example) await runExample(example, product, receiver);
    else await runBatch(product, receiver);
  }
  report.stopped(performance.now() - startedAt);
}

/** An example knows no signal: the demo ends without it. */
async function runExample(example: Example, product: DemoProduct, receiver: Receiver): Promise<void> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  ending.signal.addEventListener('abort', () => reject(ending.signal.reason));
  const { url, adminKey } = product;
  const running = example({ url, adminKey, callbackUrl: receiver.url, print: report.told });
  await Promise.race([running, ended]);
}

async function runBatch({ url, adminKey }: DemoProduct, receiver: Receiver): Promise<void> {
  const client = new Batchwright({ url, key: adminKey });
  const { signal } = ending;
  const event = await addEvent(client, signal);
  const contacts = await addContacts(client, signal);
  report.created(event, contacts);

  const jobs = mixedJobs(event, contacts);
  const { asyncId } = await client.batches.create({ jobs, callbackUrl: receiver.url }, { signal });
  const bar = report.progressBar(asyncId, jobs.length);
  await client.batches.wait(asyncId, { signal, onProgress: bar.update }).finally(bar.stop);
  report.results(
    outcomeOf(await Array.fromAsync(client.batches.results<MixedResponse>(asyncId, { signal }))),
  );

  const received = await receiver.received;
  report.received(received);
  const secret = await client.callbackSecret({ signal });
  report.verified(await client.unwrapCallback(received.body, received.headers, secret));
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => ending.abort(new Error(`interrupted by ${signal}`)));
// The reader of the output has gone, as in `npm run demo | head`.
process.stdout.on('error', (error) => ending.abort(error));
const deadline = setTimeout(
  () => ending.abort(new Error(`it took more than ${MAX_SECONDS} s`)),
  MAX_SECONDS * 1000,
);

try {
  await main(process.argv[2]);
} catch (error) {
  // The code that was waiting fails with an error of its own; the real reason is in the signal, or in how the product
  // ended.
  const real: unknown = error instanceof SuppressedError ? error.error : error;
  const why: unknown = ending.signal.aborted ? ending.signal.reason : real;
  process.stderr.write(`The demo failed: ${why instanceof Error ? why.message : String(why)}\n`);
  process.exitCode = why instanceof UnknownExample ? 2 : 1;
} finally {
  clearTimeout(deadline);
}
