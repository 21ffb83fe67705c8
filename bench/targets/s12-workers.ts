import { ours } from '../engines/ours.ts';
import { alternate, rateRow } from '../support/rounds.ts';
import { ratios } from '../support/statistics.ts';
import type { Row, Target } from './target.ts';

const JOBS = 20_000;
const one = ours({ workers: 1, action: 'wait' });
/** Numbers of worker processes, and the required factor over one. */
const more = [
  { engine: ours({ workers: 2, action: 'wait' }), least: 1.8 },
  { engine: ours({ workers: 4, action: 'wait' }), least: 3.2 },
];
const engines = [one, ...more.map(({ engine }) => engine)];

export const target: Target = {
  id: 'S12',
  title: 'more worker processes',
  method:
    '20,000 jobs that wait 5 ms, as on I/O, from `submit` to the last result, with 1, 2 and 4 worker processes; in ' +
    'each ten jobs run at once, the default of an action',
  engines,
  async measure(bench) {
    const rates = await alternate(bench, bench.size(JOBS), engines);
    const base = rateRow(rates, one);
    const rows = more.map(({ engine, least }): Row => {
      const row = rateRow(rates, engine);
      const ratio = { values: ratios(row.values, base.values), to: 'one process' };
      return { ...row, ratio, goal: { of: 'ratio', least } };
    });
    return [base, ...rows];
  },
};
