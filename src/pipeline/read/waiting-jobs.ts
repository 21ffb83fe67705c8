/** The jobs that wait for limits: those in the queue, and those in hand of workers. */
import type { Pool } from 'pg';
import { heldByBucket, heldOfBatches } from '../../queue/held.ts';
import { waitingInHand, waitingInHandByBucket } from '../../store/bucket-waiting.ts';

export interface BucketJobs {
  batch: string;
  bucket: string;
  jobs: number;
}

/** Those of these batches, by batch and bucket; the most first. */
export async function waitingOfBatches(pool: Pool, batchIds: readonly string[]): Promise<BucketJobs[]> {
  const [held, inHand] = await Promise.all([heldOfBatches(pool, batchIds), waitingInHand(pool, batchIds)]);
  const sums = new Map<string, BucketJobs>();
  for (const { batch, bucket, jobs } of [...held, ...inHand]) {
    const key = `${batch} ${bucket}`;
    sums.set(key, { batch, bucket, jobs: jobs + (sums.get(key)?.jobs ?? 0) });
  }
  return [...sums.values()].sort((a, b) => b.jobs - a.jobs || (a.bucket < b.bucket ? -1 : 1));
}

/** The number of jobs of a tenant, or of all when it is null, by bucket. */
export async function waitingByBucket(pool: Pool, tenant: string | null): Promise<Map<string, number>> {
  const [held, inHand] = await Promise.all([heldByBucket(pool, tenant), waitingInHandByBucket(pool, tenant)]);
  const sums = new Map<string, number>();
  for (const { bucket, jobs } of [...held, ...inHand]) sums.set(bucket, jobs + (sums.get(bucket) ?? 0));
  return sums;
}
