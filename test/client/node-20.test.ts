import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { bareEnvironment, ROOT } from '../main/product.ts';

const PROGRAM = `
  const { Batchwright, unwrapCallback } = await import(process.argv[1]);
  const { batches } = new Batchwright({ url: process.argv[2], key: 'any' });
  async function* jobs() { yield { namespace: 'a', action: 'b', params: {} }; }
  const { asyncId } = await batches.createFrom(jobs());
  const { state } = await batches.wait(asyncId);
  const indexes = [];
  for await (const { index } of batches.results(asyncId)) indexes.push(index);
  const refused = await unwrapCallback('{}', {}, 'whsec_AAAA').catch(({ name }) => name);
  console.log(JSON.stringify({ version: process.versions.node, asyncId, state, indexes, refused }));`;

/** One ended batch with two results. */
const server = createServer((request, response) => {
  request.resume();
  const batch = JSON.stringify({ asyncId: 'a1', state: 'completed' });
  if (request.url?.endsWith('/results')) response.end('{"index":0}\n{"index":1}\n');
  else if (request.url?.endsWith('/events'))
    response
      .writeHead(200, { 'content-type': 'text/event-stream' })
      .end(`id: 1\nevent: finished\ndata: ${batch}\n\n`);
  else response.end(batch);
});

test('the client, compiled without any import, runs under the Node of the system', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'batchwright-client-'));
  t.after(() => rm(folder, { recursive: true }));
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  const outfile = join(folder, 'client.mjs');
  const entry = join(ROOT, 'src/client/index.ts');
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    metafile: true,
  });
  assert.deepEqual(Object.values(metafile.outputs)[0]?.imports, []);

  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = ['--input-type=module', '-e', PROGRAM, outfile, url];
  const { stdout } = await promisify(execFile)('node', args, { env: bareEnvironment(folder) });
  const { version, ...seen } = JSON.parse(stdout);
  assert.match(version, /^\d\d\./);
  assert.deepEqual(seen, { asyncId: 'a1', state: 'completed', indexes: [0, 1], refused: 'CallbackError' });
});
