import { bullMq } from '../engines/bullmq.ts';
import { graphileWorker } from '../engines/graphile-worker.ts';
import { limit } from '../engines/limit.ts';
import { ours } from '../engines/ours.ts';
import { pgBoss } from '../engines/pg-boss.ts';
import { alternate, comparisonRow, rateRow } from '../support/rounds.ts';
import type { Target } from './target.ts';

const JOBS = 100_000;
const engine = ours();
const engines = [engine, limit, pgBoss, bullMq, graphileWorker];

export const target: Target = {
  id: 'S1',
  title: 'the engine alone',
  method:
    'W(100k) from the first job handed over until every result can be read; ours by `submit`, without HTTP, the ' +
    'peers by their own libraries, in the benchmark’s process, whose thread is less busy than the Postgres or Redis ' +
    'that they wait for; each is started again for every run and warmed up by as many jobs',
  engines,
  async measure(bench) {
    const rates = await alternate(bench, bench.size(JOBS), engines);
    return [
      rateRow(rates, engine),
      comparisonRow(rates, engine, limit, 0.45),
      comparisonRow(rates, engine, pgBoss, 7),
      comparisonRow(rates, engine, bullMq, 12),
      comparisonRow(rates, engine, graphileWorker, 20),
    ];
  },
};
