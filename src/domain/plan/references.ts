/** What the jobs of a request say about each other: ids and names are kept once, everything else as integers. */
import { IntList } from './int-list.ts';
import type { JobPlan } from './job-plan.ts';
import { FewTexts, Names, NONE } from './names.ts';

/** A job's dependencies on a group, in the list of references. */
const GROUP = 1;
const JOB = 0;

/** A job that says something about others. */
export interface PlannedJob {
  index: number;
  /** Its position in the batch's actions. */
  action: number;
  /** 0 in a JSON body. */
  line: number;
  /** It is invalid and never waits: what it names is checked, and is no part of the plan. */
  isRefused?: boolean;
}

export class References {
  readonly ids = new Names();
  readonly groups = new Names();
  /** The jobs that depend on others; where the references of each end; its line, or 0; its action. */
  readonly jobs = new IntList();
  readonly ends = new IntList();
  /** How many of its references are in `dependsOn`; the others come from `bind`. */
  readonly listed = new IntList();
  readonly lines = new IntList();
  readonly jobActions = new IntList();
  /** Their indexes, of those that are refused. */
  readonly refused = new Set<number>();
  /** Name, kind and condition of each dependency. */
  readonly references = new IntList();
  /** The same for `bind`: jobs, ends, names of ids, and for errors the places. */
  readonly boundJobs = new IntList();
  readonly boundEnds = new IntList();
  readonly bound = new IntList();
  readonly boundPointers = new IntList();
  readonly pointers = new FewTexts();
  /** The jobs that are in a group, and the group of each. */
  readonly members = new IntList();
  readonly memberGroups = new IntList();

  /** Takes the id of a job; false when an earlier job has it. */
  claimId(id: string, index: number): boolean {
    const number = this.ids.numberOf(id);
    const indexes = this.ids.values;
    if (indexes.at(number) !== NONE) return false;
    indexes.set(number, index);
    return true;
  }

  /** How many dependencies, or bound places, the jobs have so far: the larger number. */
  get size(): number {
    return Math.max(this.references.length, this.bound.length);
  }

  /** The job is in this group. */
  addMember(index: number, group: string): void {
    const number = this.groups.numberOf(group);
    const sizes = this.groups.values;
    sizes.set(number, Math.max(sizes.at(number), 0) + 1);
    this.members.push(index);
    this.memberGroups.push(number);
  }

  /** Takes the dependencies of a job. */
  add(job: PlannedJob, { dependencies, listed, pointers, sources }: JobPlan): void {
    if (dependencies.length === 0) return;
    if (job.isRefused) this.refused.add(job.index);
    this.jobs.push(job.index);
    this.jobActions.push(job.action);
    this.lines.push(job.line);
    this.listed.push(listed);
    for (const { kind, name, condition } of dependencies)
      this.references.push(
        kind === 'group'
          ? (this.groups.numberOf(name) << 3) | (GROUP << 2) | condition
          : (this.ids.numberOf(name) << 3) | (JOB << 2) | condition,
      );
    this.ends.push(this.references.length);
    if (sources.length === 0) return;
    this.boundJobs.push(job.index);
    for (const [at, id] of sources.entries()) {
      this.bound.push(this.ids.numberOf(id));
      this.boundPointers.push(this.pointers.numberOf(pointers[at] as string));
    }
    this.boundEnds.push(this.bound.length);
  }

  /** @param visit gets a reference, the number of its job among those that depend on others, and its place in the job */
  eachReference(visit: (reference: number, job: number, place: number) => void): void {
    const references = this.references.view();
    let start = 0;
    for (const [job, end] of this.ends.view().entries()) {
      for (let at = start; at < end; at++) visit(references[at] as number, job, at - start);
      start = end;
    }
  }
}

/** True for a reference to a group. */
export function isGroup(reference: number): boolean {
  return ((reference >> 2) & 1) === GROUP;
}
