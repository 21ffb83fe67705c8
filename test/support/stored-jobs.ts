import type { Pool } from 'pg';
import { toBatchId } from '../../src/domain/batch.ts';
import { jobsFrom } from '../../src/store/chunks.ts';

/** The jobs of the batch's chunks as they are stored: the JSON text of an array each. */
export async function storedJobsText(pool: Pool, asyncId: string): Promise<string[]> {
  const texts: string[] = [];
  for (
    let chunk = await jobsFrom(pool, toBatchId(asyncId), 0);
    chunk;
    chunk = await jobsFrom(pool, toBatchId(asyncId), chunk.number + 1)
  )
    texts.push(chunk.jobs);
  return texts;
}
