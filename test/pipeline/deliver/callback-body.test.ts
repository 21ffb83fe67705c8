import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, describe, test } from 'node:test';
import type { Pool } from 'pg';
import { toBatchId } from '../../../src/domain/batch.ts';
import { newCallbackSecret, Signature } from '../../../src/outbound/signature.ts';
import { CallbackBodies, type CallbackBody } from '../../../src/pipeline/deliver/callback-body.ts';
import { type CallbackBatch, callbackBatches } from '../../../src/store/deliveries.ts';
import { startSystem } from '../../support/system.ts';
import { endedBatch } from './deliver-support.ts';

const system = await startSystem({ after }, { worker: false });
const { pool } = system;
const secrets = [newCallbackSecret(), newCallbackSecret()];
const beginSignature = (signingTime: number) => new Signature(secrets, 'an id', signingTime);

/** An ended batch whose callback body has this many KiB, 300 per result. */
async function batchOf(kib: number, tenant = 'default'): Promise<CallbackBatch> {
  const jobs = Array.from({ length: kib / 300 }, () => ({ n: 'none', text: 'x'.repeat(300 * 1024) }));
  const id = toBatchId(await endedBatch(system, 'http://127.0.0.1:9/', jobs));
  const [batch] = await callbackBatches(pool, [id]);
  assert.ok(batch);
  return { ...batch, tenant };
}

/** A pool that runs a hook before some of its statements. */
function poolThat(before: (text: string, values: unknown[]) => Promise<unknown> | undefined): Pool {
  const query = async (statement: string | { text: string; values: unknown[] }, values: unknown[]) => {
    const { text, values: own } = typeof statement === 'string' ? { text: statement, values } : statement;
    await before(text, own);
    return Reflect.apply(pool.query, pool, [statement, values]);
  };
  return Object.assign(Object.create(pool), { query });
}

async function read({ content }: CallbackBody): Promise<Buffer> {
  if (Buffer.isBuffer(content)) return content;
  const parts: Buffer[] = [];
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts);
}

function signatureOf(time: number, body: Buffer): string {
  return beginSignature(time).update(body).header();
}

describe('callback bodies', () => {
  test('a small body is kept and a large one is read again; both are signed', async () => {
    const bodies = new CallbackBodies(pool);
    for (const [kib, isKept] of [
      [300, true],
      [1500, false],
    ] as const) {
      const batch = await batchOf(kib);
      await bodies.withBody(batch, beginSignature, async (body) => {
        assert.equal(Buffer.isBuffer(body.content), isKept, `${kib} KiB`);
        const bytes = await read(body);
        assert.equal(bytes.length, body.contentLength);
        assert.equal(signatureOf(body.signingTime, bytes), body.signature);
        assert.equal(JSON.parse(bytes.toString()).results.length, kib / 300);
      });
    }
  });

  test('a body fails before its end when the batch is restarted after its last result was read', async () => {
    const batch = await batchOf(1500);
    let readsToSend = false;
    const restarting = poolThat((text) => {
      // The last query checks for a restart: it finds one from now on.
      if (!readsToSend || !/from batchwright\.batch where id = \$1$/.test(text)) return undefined;
      return pool.query('update batchwright.batch set generation = generation + 1 where id = $1', [batch.id]);
    });
    await new CallbackBodies(restarting).withBody(batch, beginSignature, async (body) => {
      readsToSend = true;
      await assert.rejects(read(body), {
        message: 'the batch was restarted while its callback was being sent',
      });
    });
  });

  test('a body fails before its end when it differs from the signed one', async () => {
    const batch = await batchOf(1500);
    await new CallbackBodies(pool).withBody(batch, beginSignature, async (body) => {
      await pool.query(
        `update batchwright.result set response = '{"message":"other"}' where batch_id = $1 and index = 3`,
        [batch.id],
      );
      assert.ok(body.content instanceof Readable);
      await assert.rejects(read(body));
    });
  });

  test('a small body is read again when many are kept, and kept when they are gone', async () => {
    const bodies = new CallbackBodies(pool);
    const batch = await batchOf(900);
    const release = Promise.withResolvers<void>();
    const kept: boolean[] = [];
    const held = Array.from({ length: 40 }, async (_, n) => {
      await bodies.withBody({ ...batch, tenant: `tenant${n}` }, beginSignature, async ({ content }) => {
        kept.push(Buffer.isBuffer(content));
        if (kept.length === 40) release.resolve();
        // Streamed bodies share few places: they start at once.
        if (Buffer.isBuffer(content)) await release.promise;
      });
    });
    await Promise.all(held);
    const count = kept.filter(Boolean).length;
    assert.ok(count >= 32 && count < 40, `${count} of 900 KiB were kept at once`);
    await bodies.withBody(batch, beginSignature, async ({ content }) => assert.ok(Buffer.isBuffer(content)));
  });

  test('a body that waited to be read is signed with the time of the reading', async () => {
    const batch = await batchOf(1500);
    const old = { ...batch, signingTime: batch.signingTime - 600 };
    await new CallbackBodies(pool).withBody(old, beginSignature, async ({ signingTime }) => {
      assert.ok(signingTime >= batch.signingTime);
    });
  });
});
