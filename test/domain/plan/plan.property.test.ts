/**
 * Random plans against a model that looks at every job until nothing changes: random ends, cancels in between, processes
 * that are killed before they commit, lost notes, and restarts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cascade, type NodeEnd } from '../../../src/domain/plan/cascade.ts';
import { decodeGraph } from '../../../src/domain/plan/chunk-graph.ts';
import { FAILED, groupOf, OTHER, SUCCEEDED } from '../../../src/domain/plan/edge.ts';
import type { Dependency } from '../../../src/domain/plan/job-plan.ts';
import { groupDependents, type Plan, partOf } from '../../../src/domain/plan/plan.ts';
import { PlanDraft } from '../../../src/domain/plan/plan-draft.ts';
import { PlanError } from '../../../src/domain/plan/plan-faults.ts';

type Status = 'succeeded' | 'failed' | 'skipped' | 'cancelled';

interface SomeJob {
  group: string | undefined;
  dependencies: Dependency[];
}

/** The same numbers for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A job depends mostly on earlier ones, so that most plans have no circle. */
function randomJobs(random: (below: number) => number): SomeJob[] {
  const count = 1 + random(14);
  const order = Array.from({ length: count }, (_, index) => index).sort(() => random(3) - 1);
  return Array.from({ length: count }, (_, index) => {
    const dependencies: Dependency[] = [];
    for (let n = random(4); n > 0; n--) {
      const other = random(40) === 0 ? random(count) : order[random(Math.max(1, order.indexOf(index)))];
      const group = random(4) === 0;
      dependencies.push({
        kind: group ? 'group' : 'job',
        name: group ? `g${random(3)}` : String(other),
        condition: random(3),
      });
    }
    const first = order.indexOf(index) === 0;
    return { group: random(3) === 0 ? `g${random(3)}` : undefined, dependencies: first ? [] : dependencies };
  });
}

/** Null for a plan that is refused. */
async function planOf(jobs: readonly SomeJob[]): Promise<Plan | null | 'none'> {
  const draft = new PlanDraft();
  for (const [index, { group, dependencies }] of jobs.entries()) {
    draft.claimId(String(index), index);
    if (group !== undefined) draft.addMember(index, group);
    const plan = { dependencies, listed: dependencies.length, group, places: [], pointers: [], sources: [] };
    draft.add({ index, action: 0, line: 0 }, plan);
  }
  try {
    return (await draft.finish(jobs.length)) ?? 'none';
  } catch (error) {
    if (error instanceof PlanError) return null;
    throw error;
  }
}

function membersOf(jobs: readonly SomeJob[], { kind, name }: Dependency): number[] {
  if (kind === 'job') return [Number(name)];
  return jobs.flatMap(({ group }, index) => (group === name ? [index] : []));
}

/** True when it is met, false when it can no longer be met, undefined while that is open. */
function isMet(
  jobs: readonly SomeJob[],
  dependency: Dependency,
  statuses: readonly (Status | undefined)[],
): boolean | undefined {
  const ends = membersOf(jobs, dependency).map((member) => statuses[member]);
  if (ends.includes(undefined)) return undefined;
  if (dependency.condition === 2) return true;
  return ends.every((status) => status === (dependency.condition === 0 ? 'succeeded' : 'failed'));
}

/** Ends every job that can end; `results` are those of the jobs that run. */
function model(
  jobs: readonly SomeJob[],
  given: readonly (Status | undefined)[],
  results: readonly Status[],
): (Status | undefined)[] {
  const statuses = [...given];
  for (let changed = true; changed; ) {
    changed = false;
    for (const [index, { dependencies }] of jobs.entries()) {
      if (statuses[index] !== undefined) continue;
      const met = dependencies.map((dependency) => isMet(jobs, dependency, statuses));
      if (met.includes(false)) statuses[index] = 'skipped';
      else if (!met.includes(undefined)) statuses[index] = results[index];
      else continue;
      changed = true;
    }
  }
  return statuses;
}

const CODES = { succeeded: SUCCEEDED, failed: FAILED, skipped: OTHER, cancelled: OTHER };

/** The stored plan of a batch, in chunks of three jobs. */
class Stored {
  readonly #plan: Plan;
  readonly #total: number;
  readonly #random: (below: number) => number;
  readonly #pending: (Uint16Array | null)[] = [];
  #groups: { remaining: number; unsucceeded: number | null; unfailed: number | null }[] = [];
  notes: { told: number; ends: NodeEnd[] }[] = [];

  constructor(plan: Plan, total: number, random: (below: number) => number) {
    this.#plan = plan;
    this.#total = total;
    this.#random = random;
  }

  /** The jobs that wait for nothing. */
  reset(statuses: readonly (Status | undefined)[]): number[] {
    for (let chunk = 0; chunk * 3 < this.#total; chunk++) {
      const part = partOf(this.#plan, chunk * 3, this.#count(chunk));
      this.#pending[chunk] =
        part?.needs?.map((unmet, at) => (statuses[chunk * 3 + at] === undefined ? unmet : 0)) ?? null;
    }
    this.#groups = [...this.#plan.groupSizes].map((remaining) => ({
      remaining,
      unsucceeded: null,
      unfailed: null,
    }));
    this.notes = statuses.flatMap((status, node) =>
      status === undefined ? [] : [{ told: 0, ends: [{ node, end: CODES[status], cause: node }] }],
    );
    return this.startable(statuses);
  }

  /** The jobs without an end that wait for nothing: the sweep sends lost messages of these again. */
  startable(statuses: readonly (Status | undefined)[]): number[] {
    return [...statuses.keys()].filter(
      (index) => statuses[index] === undefined && !this.#pending[Math.floor(index / 3)]?.[index % 3],
    );
  }

  /** Nothing that waits starts any more: returns it. */
  cancel(): number[] {
    this.notes = [];
    return this.#pending.flatMap((part, chunk) =>
      [...(part ?? [])].flatMap((unmet, at) => (unmet > 0 ? [chunk * 3 + at] : [])),
    );
  }

  /** A process is killed before the release commits. */
  releaseWithoutCommit(): void {
    const pending = this.#pending.map((part) => part?.slice() ?? null);
    const groups = this.#groups.map((group) => ({ ...group }));
    const notes = [...this.notes];
    this.release();
    this.#pending.splice(0, pending.length, ...pending);
    this.#groups = groups;
    this.notes = notes;
  }

  /** One release that follows a few edges. */
  release(): { ready: number[]; skipped: number[] } {
    const chunks = Math.ceil(this.#total / 3);
    const cascade = new Cascade(Int32Array.from({ length: chunks }, (_, chunk) => chunk * 3));
    for (const { told, ends } of this.notes.splice(0, 1 + this.#random(3))) {
      for (const { node } of ends.filter((end) => end.node < 0)) this.#addGroup(cascade, groupOf(node), told);
      cascade.add(
        ends.filter(({ node }) => node >= 0),
        told,
      );
    }
    const work = 1 + this.#random(6);
    for (let isDone = false; !isDone; ) {
      const missing = cascade.run(work);
      for (const chunk of missing) {
        const part = partOf(this.#plan, chunk * 3, this.#count(chunk));
        const graph = part && decodeGraph(part.graph, this.#count(chunk));
        cascade.addPart(chunk, { graph, pending: this.#pending[chunk] ?? null });
      }
      const changes = missing.size > 0 ? [] : cascade.takeGroupChanges();
      for (const { group, ended, unsucceeded, unfailed } of changes) {
        const state = this.#groups[group];
        assert.ok(state);
        state.remaining -= ended;
        state.unsucceeded ??= unsucceeded;
        state.unfailed ??= unfailed;
        if (state.remaining === 0) this.#addGroup(cascade, group, 0);
      }
      isDone = missing.size === 0 && changes.length === 0;
    }
    this.notes.push(...cascade.left.map(({ told, ...end }) => ({ told, ends: [end] })));
    return { ready: cascade.ready, skipped: cascade.skipped.map(({ index }) => index) };
  }

  #addGroup(cascade: Cascade, group: number, told: number): void {
    const { unsucceeded = null, unfailed = null } = this.#groups[group] ?? {};
    cascade.addGroup({ group, unsucceeded, unfailed, dependents: groupDependents(this.#plan, group) }, told);
  }

  #count(chunk: number): number {
    return Math.min(3, this.#total - chunk * 3);
  }
}

/**
 * Runs the jobs in any order until nothing is left to do.
 *
 * @param cancelAfter the batch is cancelled when so many steps were done
 */
function runAll(
  stored: Stored,
  given: readonly (Status | undefined)[],
  results: readonly Status[],
  { random, cancelAfter }: { random: (below: number) => number; cancelAfter: number },
): (Status | undefined)[] {
  const statuses = [...given];
  let ready = stored.reset(statuses);
  const end = (index: number, status: Status): void => {
    assert.equal(statuses[index], undefined, `job ${index} ends once`);
    statuses[index] = status;
  };
  for (let steps = 0; ready.length > 0 || stored.notes.length > 0; steps++) {
    if (steps === cancelAfter) {
      // Some of them run, and end as they end.
      for (const index of ready) end(index, random(2) === 0 ? (results[index] as Status) : 'cancelled');
      for (const index of stored.cancel()) end(index, 'cancelled');
      return statuses;
    }
    const chance = random(12);
    if (chance === 0) stored.releaseWithoutCommit();
    else if (chance === 1) {
      // Messages that are lost are sent again.
      assert.deepEqual(
        stored.startable(statuses),
        ready.toSorted((one, other) => one - other),
      );
      ready = stored.startable(statuses);
      // Without a message, the sweep makes everything again from the results.
      if (ready.length === 0) ready = stored.reset(statuses);
    } else if (stored.notes.length === 0 || (ready.length > 0 && random(2) === 0)) {
      const [index = -1] = ready.splice(random(ready.length), 1);
      end(index, results[index] as Status);
      stored.notes.push({
        told: 0,
        ends: [{ node: index, end: CODES[results[index] as Status], cause: index }],
      });
    } else {
      const released = stored.release();
      ready.push(...released.ready);
      for (const index of released.skipped) end(index, 'skipped');
    }
  }
  return statuses;
}

/** What has ended in a run that was cancelled: what ran was free to run, and what was skipped was not. */
function checkCancelled(
  jobs: readonly SomeJob[],
  given: readonly (Status | undefined)[],
  ended: readonly (Status | undefined)[],
): void {
  for (const [index, { dependencies }] of jobs.entries()) {
    if (given[index] !== undefined || ended[index] === 'cancelled') continue;
    const met = dependencies.map((dependency) => isMet(jobs, dependency, ended));
    assert.equal(met.includes(false), ended[index] === 'skipped', `job ${index}`);
  }
}

describe('the plan of a batch', () => {
  test('ends every job as a model does, whatever the order, after kills, cancels and restarts', async () => {
    let runs = 0;
    let cancels = 0;
    for (let seed = 1; seed <= 4000; seed++) {
      const random = randomOf(seed);
      const jobs = randomJobs(random);
      const plan = await planOf(jobs);
      if (plan === null || plan === 'none') continue;
      runs++;
      const stored = new Stored(plan, jobs.length, random);
      let statuses: (Status | undefined)[] = jobs.map(() => undefined);
      for (let round = 0; round < 3; round++) {
        const results = jobs.map(
          () => (['succeeded', 'succeeded', 'failed', 'cancelled'] as const)[random(4)] as Status,
        );
        const cancelAfter = random(3) === 0 ? random(3 * jobs.length) : Number.POSITIVE_INFINITY;
        const ended = runAll(stored, statuses, results, { random, cancelAfter });
        assert.ok(!ended.includes(undefined), `seed ${seed}`);
        if (ended.some((status, index) => status === 'cancelled' && results[index] !== 'cancelled'))
          cancels++;
        if (cancelAfter < Number.POSITIVE_INFINITY) checkCancelled(jobs, statuses, ended);
        else assert.deepEqual(ended, model(jobs, statuses, results), `seed ${seed}, round ${round}`);
        const isWhole = random(2) === 0;
        statuses = ended.map((status) =>
          status !== 'succeeded' && (isWhole || random(2) === 0) ? undefined : status,
        );
      }
    }
    assert.ok(runs > 1000, `${runs} plans`);
    assert.ok(cancels > 100, `${cancels} cancelled`);
  });

  test('is refused exactly when a name is unknown or jobs wait for each other', async () => {
    let circles = 0;
    for (let seed = 1; seed <= 4000; seed++) {
      const jobs = randomJobs(randomOf(seed));
      const isUnknown = jobs.some(({ dependencies }) =>
        dependencies.some((dependency) => membersOf(jobs, dependency).length === 0),
      );
      const anyEnd = jobs.map((job) => ({ ...job, dependencies: finishedOnly(job.dependencies) }));
      const all = model(
        anyEnd,
        jobs.map(() => undefined),
        jobs.map(() => 'succeeded'),
      );
      const plan = await planOf(jobs);
      if (!isUnknown && all.includes(undefined)) circles++;
      assert.equal(plan === null, isUnknown || all.includes(undefined), `seed ${seed}`);
    }
    assert.ok(circles > 20, `${circles} circles`);
  });

  test('is checked for 100,000 jobs with a million edges in several turns of the event loop', async () => {
    const draft = new PlanDraft();
    for (let index = 0; index < 100_000; index++) {
      draft.claimId(String(index), index);
      const dependencies = Array.from({ length: Math.min(index, 10) }, (_, n): Dependency => {
        return { kind: 'job', name: String(index - 1 - n), condition: 0 };
      });
      draft.add(
        { index, action: 0, line: 0 },
        { dependencies, listed: 10, group: undefined, places: [], pointers: [], sources: [] },
      );
    }
    let turns = 0;
    let isChecked = false;
    const countTurn = () => {
      if (isChecked) return;
      turns++;
      setImmediate(countTurn);
    };
    setImmediate(countTurn);
    const plan = await draft.finish(100_000);
    isChecked = true;
    assert.equal(plan?.dependents.values.length, 999_945);
    // Two passes over the edges, two parts of the nodes, and what is before and after them.
    assert.ok(turns >= 5, `${turns} turns`);
  });
});

function finishedOnly(dependencies: readonly Dependency[]): Dependency[] {
  return dependencies.map((dependency) => ({ ...dependency, condition: 2 }));
}
