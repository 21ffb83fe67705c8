import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { DatabaseFigures } from '../../src/metrics/database-figures.ts';
import type { Figure } from '../../src/metrics/figures.ts';
import { ProcessFigures } from '../../src/metrics/process-figures.ts';
import { batchEnded, callbackAttempted, jobsEnded, requestEnded } from '../../src/telemetry/events.ts';
import { ROOT, readBlock, readSection } from './pages.ts';

/** Added by Prometheus, or part of each histogram. */
const LABELS_OF_ALL = ['job', 'instance', 'le'];
/** Those of Node that the dashboard uses. */
const NODES = ['process_resident_memory_bytes'];

/** Every figure of the code, with a value, so that its labels are known. */
async function allFigures(t: TestContext): Promise<Figure[]> {
  const figures = new ProcessFigures({
    openPools: () => [{ name: 'api', used: 1, idle: 0, waiting: 0 }],
    version: '1.0.0',
  });
  t.after(() => figures.close());
  const counts = { total: 1, succeeded: 1, failed: 0, cancelled: 0, skipped: 0 };
  const ended = { tenant: 't', counts, durationMs: 1 };
  batchEnded.emit({ asyncId: '', state: 'completed', ...ended });
  callbackAttempted.emit({
    asyncId: '',
    tenant: '',
    receiver: '',
    attempt: 1,
    status: 200,
    error: null,
    durationMs: 1,
  });
  requestEnded.emit({ route: '/batch', method: 'POST', status: 200, seconds: 0.1 });
  const result = { index: 0, status: 'succeeded', attempts: 1, startedAt: 1, finishedAt: 2 } as const;
  jobsEnded.emit({ actionOf: () => 'test.echo', results: [result], repeated: [], waitingSince: 0 });
  const database = new DatabaseFigures(async () => ({
    batches: [{ state: 'queued', count: 1 }],
    queues: [{ queue: 'jobs.default', messages: { ready: 1 }, oldestSeconds: 1 }],
    callbacksWaiting: 1,
    workers: 1,
  }));
  return [...figures.read(), ...(await database.read())];
}

/** The names with their labels, as the code has them. */
async function knownLabels(t: TestContext): Promise<Map<string, string[]>> {
  const figures = await allFigures(t);
  return new Map(figures.map(({ name, values }) => [name, Object.keys(values[0]?.labels ?? {})]));
}

/** The faults of an expression: names and labels that the code does not have. */
function faultsOf(expression: string, known: ReadonlyMap<string, string[]>): string[] {
  const faults: string[] = [];
  const labels = new Set(LABELS_OF_ALL);
  for (const [, full = '', selector = ''] of expression.matchAll(
    /\b((?:batchwright|process|nodejs)_\w+)(?:\{([^}]*)\})?/g,
  )) {
    if (NODES.includes(full)) continue;
    const name = known.has(full) ? full : full.replace(/_(?:bucket|sum|count)$/, '');
    const own = known.get(name);
    if (!own) {
      faults.push(full);
      continue;
    }
    for (const label of own) labels.add(label);
    for (const [, label = ''] of selector.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g))
      if (!own.includes(label) && !LABELS_OF_ALL.includes(label)) faults.push(`${full}{${label}}`);
  }
  for (const [, list = ''] of expression.matchAll(/\bby\s*\(([^)]*)\)/g))
    for (const label of list.split(',').map((part) => part.trim()))
      if (!labels.has(label)) faults.push(`by (${label})`);
  return faults;
}

const read = (file: string) => readFile(join(ROOT, 'docs/grafana', file), 'utf8');

interface Panel {
  title: string;
  targets: { expr: string; legendFormat: string }[];
}

test('the dashboard has only metrics and labels of the code, and every metric of ours', async (t) => {
  const known = await knownLabels(t);
  const { panels } = JSON.parse(await read('dashboard.json')) as { panels: Panel[] };
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  assert.deepEqual(
    expressions.flatMap((expression) => faultsOf(expression, known)),
    [],
  );
  for (const { targets, title } of panels)
    for (const { expr, legendFormat } of targets)
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        assert.match(expr, new RegExp(`by \\([^)]*\\b${label}\\b`), `${title}: ${legendFormat}`);
  const shown = expressions.join(' ');
  assert.deepEqual(
    [...known.keys()].filter((name) => !new RegExp(`\\b${name}(?:_bucket|_count)?\\b`).test(shown)),
    [],
  );
});

test('the alerts have only metrics and labels of the code, and say what to do', async (t) => {
  const known = await knownLabels(t);
  const { groups } = parse(await read('alerts.yml'));
  const rules = groups.flatMap((group: { rules: object[] }) => group.rules);
  assert.ok(rules.length >= 8);
  for (const { alert, expr, labels, annotations } of rules) {
    assert.deepEqual(faultsOf(expr, known), [], alert);
    assert.ok(labels.severity && annotations.summary && annotations.description, alert);
  }
});

test('docs/operating.md says what to do for each alert, and how Prometheus finds the metrics and the alerts', async () => {
  const { groups } = parse(await read('alerts.yml'));
  const alerts = groups.flatMap(({ rules }: { rules: { alert: string }[] }) =>
    rules.map(({ alert }) => alert),
  );
  const page = await readSection('docs/operating.md', 'Alerts');
  const named = [...page.matchAll(/^\| `(\w+)` \| \S/gm)].map(([, name]) => name);
  assert.deepEqual(named.toSorted(), alerts.toSorted());

  const { scrape_configs, rule_files } = parse(await readBlock('docs/operating.md', 'Metrics', 'yaml'));
  assert.equal(scrape_configs[0].metrics_path, '/metrics');
  assert.equal(scrape_configs[0].job_name, 'batchwright');
  const [header = ''] = (await read('alerts.yml')).split('\n');
  assert.ok(header.includes(`'${rule_files[0]}'`), header);
});

test('docs/operating.md has every metric with its labels, and no other', async (t) => {
  const known = await knownLabels(t);
  const page = await readFile(join(ROOT, 'docs/operating.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(batchwright_\w+)` \| (\w+)(?:: ([^|]+))? \|/gm)].map(
    ([, name = '', , labels = '']) => [name, [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label)],
  );
  const ofCode = [...known].map(([name, labels]) => [name, labels.filter((label) => label !== 'le')]);
  const sorted = (list: unknown[][]) =>
    list.toSorted(([one], [other]) => String(one).localeCompare(String(other)));
  assert.deepEqual(sorted(rows), sorted(ofCode));
});

test('a name or a label that the code does not have is found', async (t) => {
  const known = await knownLabels(t);
  assert.deepEqual(faultsOf('sum(rate(batchwright_jobs_total[5m]))', known), ['batchwright_jobs_total']);
  assert.deepEqual(faultsOf('batchwright_batches{status="x"}', known), ['batchwright_batches{status}']);
  assert.deepEqual(faultsOf('sum by (tenant) (batchwright_workers)', known), ['by (tenant)']);
});
