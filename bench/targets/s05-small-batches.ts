import { bullMqFlow } from '../engines/bullmq-flow.ts';
import { oursSmall } from '../engines/ours-small.ts';
import { pgBossSmall } from '../engines/pg-boss.ts';
import { alternate, comparisonRow, rateRow } from '../support/rounds.ts';
import { CLIENTS, JOBS_EACH } from '../support/small-batches.ts';
import { ratios } from '../support/statistics.ts';
import type { Target } from './target.ts';

const JOBS = 20_000;
const plain = oursSmall({ callbacks: false });
const calledBack = oursSmall({ callbacks: true });
const engines = [plain, calledBack, bullMqFlow, pgBossSmall];
/** Compared with BullMQ's flow, where ours also sends its callbacks. */
const LEAST_WITH_CALLBACKS = 1.2;

export const target: Target = {
  id: 'S5',
  title: 'many small batches',
  method:
    `2,000 batches of ${JOBS_EACH} jobs, sent by ${CLIENTS} clients as fast as each is answered, from the first sent ` +
    'until the last batch is completed or its callback received on loopback; the peers by their own libraries, ' +
    'without HTTP, keys and validation; each is started again for every run and warmed up by as many batches',
  engines,
  async measure(bench) {
    const rates = await alternate(bench, Math.ceil(bench.size(JOBS) / JOBS_EACH), engines);
    const withCallbacks = rateRow(rates, calledBack);
    const ratio = {
      values: ratios(withCallbacks.values, rateRow(rates, bullMqFlow).values),
      to: bullMqFlow.name,
    };
    return [
      rateRow(rates, plain),
      comparisonRow(rates, plain, bullMqFlow, 3),
      comparisonRow(rates, plain, pgBossSmall, 2),
      { ...withCallbacks, ratio, goal: { of: 'ratio', least: LEAST_WITH_CALLBACKS } },
    ];
  },
};
