/**
 * Collects what the jobs of a request say about each other, and checks it when all are known: a job may name one that
 * comes later. Ids and names are kept once, everything else as integers.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { memberPath } from '../unknown-name.ts';
import { type CheckedEdges, circleIn, unorderedNodes } from './acyclic.ts';
import { edgeOf, type Lists } from './edge.ts';
import { IntList } from './int-list.ts';
import type { JobPlan } from './job-plan.ts';
import type { Plan } from './plan.ts';

/** Faults named in the error. */
const MAX_NAMED = 100;
/** A circle is named with so many nodes. */
const MAX_CIRCLE = 20;
/** An id is repeated in an error up to this length. */
const MAX_SHOWN = 100;
/** Different places of `bind` that errors can name. */
const MAX_PLACES = 1000;
/** A job's dependencies on a group, in the list of references. */
const GROUP = 1;
const JOB = 0;

/** What is wrong with the plan of a request; each text names its place. */
export class PlanError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super('the dependencies of the jobs are wrong');
    this.faults = faults;
  }
}

/** A name that jobs are called by: an id, or a group. Known once a job has it. */
class Names {
  readonly #numbers = new Map<string, number>();
  /** By the number of a name: the index of its job; how many jobs the group has. */
  readonly values = new IntList();

  numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(name, number);
    this.values.push(NONE);
    return number;
  }

  /** Slow: for errors. */
  nameOf(number: number): string {
    for (const [name, known] of this.#numbers) if (known === number) return name;
    return '';
  }

  all(): string[] {
    return [...this.#numbers.keys()];
  }
}
const NONE = -1;
const NO_JOBS: ReadonlySet<number> = new Set();

/** Texts for errors, each kept once: most jobs of a batch bind the same places. Beyond a limit they are forgotten. */
class FewTexts {
  readonly #numbers = new Map<string, number>();

  numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    if (this.#numbers.size >= MAX_PLACES) return NONE;
    this.#numbers.set(text, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  /** Slow. Undefined for one that was forgotten. */
  nameOf(number: number): string | undefined {
    return [...this.#numbers.keys()][number];
  }
}

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

export class PlanDraft {
  readonly #ids = new Names();
  readonly #groups = new Names();
  /** The jobs that depend on others; where the references of each end; its line, or 0; its action. */
  readonly #jobs = new IntList();
  readonly #ends = new IntList();
  /** How many of its references are in `dependsOn`; the others come from `bind`. */
  readonly #listed = new IntList();
  readonly #lines = new IntList();
  readonly #jobActions = new IntList();
  /** Their indexes, of those that are refused. */
  readonly #refused = new Set<number>();
  /** Name, kind and condition of each dependency. */
  readonly #references = new IntList();
  /** The same for `bind`: jobs, ends, names of ids, and for errors the places. */
  readonly #boundJobs = new IntList();
  readonly #boundEnds = new IntList();
  readonly #bound = new IntList();
  readonly #boundPointers = new IntList();
  readonly #pointers = new FewTexts();
  /** The jobs that are in a group, and the group of each. */
  readonly #members = new IntList();
  readonly #memberGroups = new IntList();

  /** Takes the id of a job; false when an earlier job has it. */
  claimId(id: string, index: number): boolean {
    const number = this.#ids.numberOf(id);
    const indexes = this.#ids.values;
    if (indexes.at(number) !== NONE) return false;
    indexes.set(number, index);
    return true;
  }

  /** How many dependencies, or bound places, the jobs have so far: the larger number. */
  get size(): number {
    return Math.max(this.#references.length, this.#bound.length);
  }

  /** The job is in this group. */
  addMember(index: number, group: string): void {
    const number = this.#groups.numberOf(group);
    const sizes = this.#groups.values;
    sizes.set(number, Math.max(sizes.at(number), 0) + 1);
    this.#members.push(index);
    this.#memberGroups.push(number);
  }

  /** Takes the dependencies of a job. */
  add(job: PlannedJob, { dependencies, listed, pointers, sources }: JobPlan): void {
    if (dependencies.length === 0) return;
    if (job.isRefused) this.#refused.add(job.index);
    this.#jobs.push(job.index);
    this.#jobActions.push(job.action);
    this.#lines.push(job.line);
    this.#listed.push(listed);
    for (const { kind, name, condition } of dependencies)
      this.#references.push(
        kind === 'group'
          ? (this.#groups.numberOf(name) << 3) | (GROUP << 2) | condition
          : (this.#ids.numberOf(name) << 3) | (JOB << 2) | condition,
      );
    this.#ends.push(this.#references.length);
    if (sources.length === 0) return;
    this.#boundJobs.push(job.index);
    for (const [at, id] of sources.entries()) {
      this.#bound.push(this.#ids.numberOf(id));
      this.#boundPointers.push(this.#pointers.numberOf(pointers[at] as string));
    }
    this.#boundEnds.push(this.#bound.length);
  }

  /**
   * The plan of a batch of `total` jobs; null when no job depends on another. Lets the event loop turn in between.
   *
   * @throws PlanError for a name that no job has, and for jobs that wait for each other
   */
  async finish(total: number): Promise<Plan | null> {
    if (this.#jobs.length === 0) return null;
    const faults = this.#unknownNames();
    if (faults.length > 0) throw new PlanError(faults);
    await nextTurn();
    const groups = this.#members.length === 0 ? null : this.#groupsByJob(total);
    const groupCount = this.#groups.values.length;
    const named = await this.#edges(total, groupCount);
    const checked: CheckedEdges = { total, groupCount, groups, ...named };
    const unordered = await unorderedNodes(checked);
    if (unordered.some((needs) => needs > 0)) throw new PlanError([this.#circle(checked, unordered)]);
    if (this.#refused.size === this.#jobs.length) return null;
    const edges = this.#refused.size === 0 ? named : await this.#edges(total, groupCount, this.#refused);
    return {
      ...edges,
      sources: this.#boundJobs.length === 0 ? null : this.#sources(total),
      groups,
      actions: this.#actions(total),
      groupNames: this.#groups.all(),
      groupSizes: this.#groups.values.view().slice(),
    };
  }

  #unknownNames(): string[] {
    const faults: string[] = [];
    let more = 0;
    this.#eachReference((reference, job, place) => {
      const names = isGroup(reference) ? this.#groups : this.#ids;
      if ((names.values.view()[reference >> 3] ?? NONE) !== NONE) return;
      if (faults.length >= MAX_NAMED) more++;
      else faults.push(`${this.#pathOf(reference, job, place)}: ${this.#unknown(reference)}`);
    });
    return more > 0 ? [...faults, `and ${more} more dependencies`] : faults;
  }

  #unknown(reference: number): string {
    const number = reference >> 3;
    return isGroup(reference)
      ? `no job of the batch is in the group ${shown(this.#groups.nameOf(number))}`
      : `no job of the batch has the id ${shown(this.#ids.nameOf(number))}`;
  }

  #pathOf(reference: number, job: number, place: number): string {
    const path =
      place < (this.#listed.view()[job] as number)
        ? `dependsOn[${place}]`
        : this.#boundPath(job, reference >> 3);
    return `${this.#placeOf(job)}${this.#isOnLine(job) ? ': ' : '.'}${path}`;
  }

  /** The first place of the job's `bind` that names this id. */
  #boundPath(job: number, id: number): string {
    const at = this.#boundJobs.view().indexOf(this.#jobs.view()[job] as number);
    const start = at === 0 ? 0 : (this.#boundEnds.view()[at - 1] as number);
    const pointer = this.#pointers.nameOf(
      this.#boundPointers.view()[this.#bound.view().indexOf(id, start)] as number,
    );
    return pointer === undefined ? 'bind' : `bind${memberPath(pointer)}`;
  }

  #eachReference(visit: (reference: number, job: number, place: number) => void): void {
    const references = this.#references.view();
    let start = 0;
    for (const [job, end] of this.#ends.view().entries()) {
      for (let at = start; at < end; at++) visit(references[at] as number, job, at - start);
      start = end;
    }
  }

  /** The edges by the node that is waited for, sorted into their places in two passes. */
  async #edges(
    total: number,
    groupCount: number,
    without: ReadonlySet<number> = NO_JOBS,
  ): Promise<{ needs: Uint16Array; dependents: Lists }> {
    const needs = new Uint16Array(total);
    const ends = new Int32Array(total + groupCount);
    const jobs = this.#jobs.view();
    const indexes = this.#ids.values.view();
    const nodeIndex = (reference: number): number =>
      isGroup(reference) ? total + (reference >> 3) : (indexes[reference >> 3] as number);
    this.#eachReference((reference, job) => {
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
    this.#eachReference((reference, job) => {
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
    const numbers = this.#memberGroups.view();
    for (const [position, index] of this.#members.view().entries())
      groups[index] = numbers[position] as number;
    return groups;
  }

  #actions(total: number): Int32Array {
    const actions = new Int32Array(total);
    const given = this.#jobActions.view();
    for (const [position, index] of this.#jobs.view().entries()) actions[index] = given[position] as number;
    return actions;
  }

  #sources(total: number): Lists {
    const ends = new Int32Array(total);
    const indexes = this.#ids.values.view();
    const bound = this.#bound.view();
    const values = new Int32Array(bound.length);
    const boundEnds = this.#boundEnds.view();
    const jobs = this.#boundJobs.view();
    let position = 0;
    let at = 0;
    let size = 0;
    for (let index = 0; index < total; index++) {
      if (jobs[position] === index) {
        const end = boundEnds[position++] as number;
        if (this.#refused.has(index)) at = end;
        while (at < end) values[size++] = indexes[bound[at++] as number] as number;
      }
      ends[index] = size;
    }
    return { ends, values: values.slice(0, size) };
  }

  #circle(edges: CheckedEdges, unordered: Int32Array): string {
    const circle = circleIn(edges, unordered);
    const names = circle.slice(0, MAX_CIRCLE).map((node) => this.#nodeName(node, edges.total));
    const more = circle.length - names.length;
    const rest = more > 0 ? [`${more} more`] : [];
    if (circle.length === 1) return this.#dependsOnItself(circle[0] as number, edges.total);
    return `these wait for each other: ${[...names, ...rest, names[0]].join(' → ')}`;
  }

  #dependsOnItself(node: number, total: number): string {
    const job = this.#jobs.view().indexOf(node);
    return this.#isOnLine(job)
      ? `${this.#placeOf(job)}: the job ${shown(this.#idOf(node))} depends on itself`
      : `${this.#nodeName(node, total)} depends on itself`;
  }

  #nodeName(node: number, total: number): string {
    if (node >= total) return `the group ${shown(this.#groups.nameOf(node - total))}`;
    const job = this.#jobs.view().indexOf(node);
    const id = this.#idOf(node);
    const place = job === -1 ? `jobs[${node}]` : this.#placeOf(job);
    return id === '' ? place : `${place} (${shown(id)})`;
  }

  /** Empty for a job without one. */
  #idOf(index: number): string {
    return this.#ids.nameOf(this.#ids.values.view().indexOf(index));
  }

  #placeOf(job: number): string {
    return this.#isOnLine(job) ? `line ${this.#lines.view()[job]}` : `jobs[${this.#jobs.view()[job]}]`;
  }

  #isOnLine(job: number): boolean {
    return this.#lines.view()[job] !== 0;
  }
}

function count(counts: Int32Array | Uint16Array, position: number): void {
  counts[position] = (counts[position] as number) + 1;
}

function isGroup(reference: number): boolean {
  return ((reference >> 2) & 1) === GROUP;
}

function shown(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);
}
