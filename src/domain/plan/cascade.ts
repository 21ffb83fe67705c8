/**
 * What follows from the ends of jobs: dependencies are met, jobs become ready, jobs whose dependencies can no longer be
 * met are skipped, and that is handed on. It works on the parts of the plan that its user loads.
 */
import type { ChunkGraph } from './chunk-graph.ts';
import { conditionOf, FAILED, groupNode, isMetBy, listAt, nodeOf, OTHER, SUCCEEDED } from './edge.ts';

/** A node has ended. */
export interface NodeEnd {
  node: number;
  /** `SUCCEEDED`, `FAILED` or `OTHER`. */
  end: number;
  /** The job at the root of it: the job itself, unless it was skipped. */
  cause: number;
}

/** A chunk's part of the plan, and what is left of it. */
export interface LoadedPart {
  /** Null for a chunk that has no part in the plan. */
  graph: ChunkGraph | null;
  pending: Uint16Array | null;
}

/** What the ends of its jobs do to a group. */
export interface GroupChange {
  group: number;
  ended: number;
  /** The lowest cause among those that did not succeed, and among those that did not fail. */
  unsucceeded: number | null;
  unfailed: number | null;
}

/** A group whose last job has ended. */
export interface EndedGroup {
  group: number;
  unsucceeded: number | null;
  unfailed: number | null;
  /** Edges to the jobs that wait for it. */
  dependents: Int32Array;
}

export interface SkippedJob {
  index: number;
  cause: number;
}

/** An end that is being handed on. */
interface Pending extends NodeEnd {
  /** Only of a group. */
  dependents?: Int32Array;
  /** Why a job that needs a success, or a failure, of a group is skipped. */
  causes?: readonly [number, number];
  /** Dependents that were told already. */
  told: number;
}

interface BlockedEdge {
  edge: number;
  end: Pending;
}

export class Cascade {
  readonly #firstIndexes: Int32Array;
  readonly #parts = new Map<number, LoadedPart>();
  readonly #changed = new Set<number>();
  #ends: Pending[] = [];
  #at = 0;
  #blocked: BlockedEdge[] = [];
  #groups = new Map<number, GroupChange>();
  #work = 0;
  readonly ready: number[] = [];
  readonly skipped: SkippedJob[] = [];

  /** @param firstIndexes the first index of each chunk of the batch */
  constructor(firstIndexes: Int32Array) {
    this.#firstIndexes = firstIndexes;
  }

  /** @param told dependents of the first node that were told already */
  add(ends: readonly NodeEnd[], told = 0): void {
    let toldFirst = told;
    for (const { node, end, cause } of ends) {
      this.#ends.push({ node, end, cause, told: toldFirst });
      toldFirst = 0;
    }
  }

  /** A group has ended, or its end is taken up again. */
  addGroup({ group, unsucceeded, unfailed, dependents }: EndedGroup, told = 0): void {
    const end = unsucceeded === null ? SUCCEEDED : unfailed === null ? FAILED : OTHER;
    const causes = [unsucceeded ?? -1, unfailed ?? -1] as const;
    this.#ends.push({ node: groupNode(group), end, cause: -1, causes, dependents, told });
  }

  addPart(chunk: number, part: LoadedPart): void {
    this.#parts.set(chunk, part);
  }

  chunkOf(index: number): number {
    let [low, high] = [0, this.#firstIndexes.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#firstIndexes[middle] ?? 0) <= index) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The chunk's part with the changes so far. */
  part(chunk: number): LoadedPart | undefined {
    return this.#parts.get(chunk);
  }

  firstIndexOf(chunk: number): number {
    return this.#firstIndexes[chunk] ?? 0;
  }

  /** The position of a waiting job's action in the batch's; its part must be loaded. */
  actionOf(index: number): number | undefined {
    const chunk = this.chunkOf(index);
    return this.#parts.get(chunk)?.graph?.actions?.[index - this.firstIndexOf(chunk)];
  }

  /** The chunks in which fewer jobs wait than before. */
  get changed(): ReadonlySet<number> {
    return this.#changed;
  }

  /** The ends that were not handed on completely, for another time. */
  get left(): (NodeEnd & { told: number })[] {
    return this.#ends.slice(this.#at);
  }

  /**
   * Hands ends on until some parts are missing, all is done, or `work` edges were followed. Returns the missing chunks:
   * when there are any, load them and call it again, because some edges were followed halfway.
   */
  run(work: number): ReadonlySet<number> {
    const missing = new Set<number>();
    const blocked = this.#blocked;
    this.#blocked = [];
    for (const { edge, end } of blocked) this.#follow(edge, end, missing);
    const waiting: Pending[] = [];
    while (this.#at < this.#ends.length && this.#work < work) {
      const end = this.#ends[this.#at] as Pending;
      const dependents = this.#dependentsOf(end, missing);
      if (dependents === null) {
        waiting.push(end);
        this.#at++;
        continue;
      }
      for (; end.told < dependents.length && this.#work < work; end.told++)
        this.#follow(dependents[end.told] as number, end, missing);
      if (end.told < dependents.length) break;
      this.#at++;
    }
    this.#ends = [...this.#ends.slice(this.#at), ...waiting];
    this.#at = 0;
    return missing;
  }

  /** What the ends so far do to groups; each change is returned once. */
  takeGroupChanges(): GroupChange[] {
    const changes = [...this.#groups.values()];
    this.#groups = new Map();
    return changes;
  }

  /** Null when the job's chunk is missing. */
  #dependentsOf(end: Pending, missing: Set<number>): Int32Array | null {
    if (end.dependents) return end.dependents;
    const chunk = this.chunkOf(end.node);
    const part = this.#parts.get(chunk);
    if (!part) {
      missing.add(chunk);
      return null;
    }
    const { graph } = part;
    const position = end.node - this.firstIndexOf(chunk);
    if (end.told === 0) this.#countMember(graph?.groups ?? null, position, end);
    return graph?.dependents ? listAt(graph.dependents, position) : NONE;
  }

  #countMember(groups: Int32Array | null, position: number, { end, cause }: Pending): void {
    const group = groups === null ? -1 : ((groups.length === 1 ? groups[0] : groups[position]) ?? -1);
    if (group < 0) return;
    const change = this.#groups.get(group) ?? { group, ended: 0, unsucceeded: null, unfailed: null };
    change.ended++;
    if (end !== SUCCEEDED) change.unsucceeded = Math.min(change.unsucceeded ?? cause, cause);
    if (end !== FAILED) change.unfailed = Math.min(change.unfailed ?? cause, cause);
    this.#groups.set(group, change);
  }

  #follow(edge: number, end: Pending, missing: Set<number>): void {
    this.#work++;
    const index = nodeOf(edge);
    const chunk = this.chunkOf(index);
    const part = this.#parts.get(chunk);
    if (!part) {
      missing.add(chunk);
      this.#blocked.push({ edge, end });
      return;
    }
    const position = index - this.firstIndexOf(chunk);
    const unmet = part.pending?.[position] ?? 0;
    if (!part.pending || unmet === 0) return; // it has ended already, or does not wait
    this.#changed.add(chunk);
    const condition = conditionOf(edge);
    if (isMetBy(condition, end.end)) {
      part.pending[position] = unmet - 1;
      if (unmet === 1) this.ready.push(index);
      return;
    }
    part.pending[position] = 0;
    const cause = end.causes?.[condition] ?? end.cause;
    this.skipped.push({ index, cause });
    this.#ends.push({ node: index, end: OTHER, cause, told: 0 });
  }
}

const NONE = new Int32Array(0);
