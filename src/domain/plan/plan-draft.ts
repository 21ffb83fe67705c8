/** Checks what the jobs of a request say about each other when all are known: a job may name one that comes later. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type CheckedEdges, unorderedNodes } from './acyclic.ts';
import { edgeOf, type Lists } from './edge.ts';
import { NONE } from './names.ts';
import type { Plan } from './plan.ts';
import { PlanError, PlanFaults } from './plan-faults.ts';
import { isGroup, References } from './references.ts';

const NO_JOBS: ReadonlySet<number> = new Set();

export class PlanDraft extends References {
  /**
   * The plan of a batch of `total` jobs; null when no job depends on another. Lets the event loop turn in between.
   *
   * @throws PlanError for a name that no job has, and for jobs that wait for each other
   */
  async finish(total: number): Promise<Plan | null> {
    if (this.jobs.length === 0) return null;
    const faults = new PlanFaults(this);
    const unknown = faults.unknownNames();
    if (unknown.length > 0) throw new PlanError(unknown);
    await nextTurn();
    const groups = this.members.length === 0 ? null : this.#groupsByJob(total);
    const groupCount = this.groups.values.length;
    const named = await this.#edges(total, groupCount);
    const checked: CheckedEdges = { total, groupCount, groups, ...named };
    const unordered = await unorderedNodes(checked);
    if (unordered.some((needs) => needs > 0)) throw new PlanError([faults.circle(checked, unordered)]);
    if (this.refused.size === this.jobs.length) return null;
    const edges = this.refused.size === 0 ? named : await this.#edges(total, groupCount, this.refused);
    return {
      ...edges,
      sources: this.boundJobs.length === 0 ? null : this.#sources(total),
      groups,
      actions: this.#actions(total),
      groupNames: this.groups.all(),
      groupSizes: this.groups.values.view().slice(),
    };
  }

  /** The edges by the node that is waited for, sorted into their places in two passes. */
  async #edges(
    total: number,
    groupCount: number,
    without: ReadonlySet<number> = NO_JOBS,
  ): Promise<{ needs: Uint16Array; dependents: Lists }> {
    const needs = new Uint16Array(total);
    const ends = new Int32Array(total + groupCount);
    const jobs = this.jobs.view();
    const indexes = this.ids.values.view();
    const nodeIndex = (reference: number): number =>
      isGroup(reference) ? total + (reference >> 3) : (indexes[reference >> 3] as number);
    this.eachReference((reference, job) => {
      if (without.has(jobs[job] as number)) return;
      count(needs, jobs[job] as number);
      count(ends, nodeIndex(reference));
    });
    await nextTurn();
    let sum = 0;
    for (let node = 0; node < ends.length; node++) {
      const own = ends[node] as number;
      ends[node] = sum;
      sum += own;
    }
    const values = new Int32Array(sum);
    this.eachReference((reference, job) => {
      if (without.has(jobs[job] as number)) return;
      const node = nodeIndex(reference);
      values[ends[node] as number] = edgeOf(jobs[job] as number, reference & 3);
      count(ends, node);
    });
    await nextTurn();
    return { needs, dependents: { ends, values } };
  }

  #groupsByJob(total: number): Int32Array {
    const groups = new Int32Array(total).fill(NONE);
    const numbers = this.memberGroups.view();
    for (const [position, index] of this.members.view().entries())
      groups[index] = numbers[position] as number;
    return groups;
  }

  #actions(total: number): Int32Array {
    const actions = new Int32Array(total);
    const given = this.jobActions.view();
    for (const [position, index] of this.jobs.view().entries()) actions[index] = given[position] as number;
    return actions;
  }

  #sources(total: number): Lists {
    const ends = new Int32Array(total);
    const indexes = this.ids.values.view();
    const bound = this.bound.view();
    const values = new Int32Array(bound.length);
    const boundEnds = this.boundEnds.view();
    const jobs = this.boundJobs.view();
    let position = 0;
    let at = 0;
    let size = 0;
    for (let index = 0; index < total; index++) {
      if (jobs[position] === index) {
        const end = boundEnds[position++] as number;
        if (this.refused.has(index)) at = end;
        while (at < end) values[size++] = indexes[bound[at++] as number] as number;
      }
      ends[index] = size;
    }
    return { ends, values: values.slice(0, size) };
  }
}

function count(counts: Int32Array | Uint16Array, position: number): void {
  counts[position] = (counts[position] as number) + 1;
}
