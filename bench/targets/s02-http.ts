import { limit } from '../engines/limit.ts';
import { oursOverHttp } from '../engines/ours-http.ts';
import { pgBoss } from '../engines/pg-boss.ts';
import { alternate, comparisonRow, rateRow } from '../support/rounds.ts';
import type { Target } from './target.ts';

const JOBS = 100_000;
const engines = [oursOverHttp, limit, pgBoss];

export const target: Target = {
  id: 'S2',
  title: 'over HTTP',
  method:
    'W(100k) in one JSON POST to `src/main.ts`, until progress says completed (asked every 20 ms), beside a ' +
    'pg-boss without HTTP and validation',
  engines,
  async measure(bench) {
    const rates = await alternate(bench, bench.size(JOBS), engines);
    return [
      rateRow(rates, oursOverHttp),
      comparisonRow(rates, oursOverHttp, limit, 0.4),
      comparisonRow(rates, oursOverHttp, pgBoss),
    ];
  },
};
