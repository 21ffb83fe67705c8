/** What is wrong with what jobs say about each other, in words that name the place. */
import { memberPath } from '../unknown-name.ts';
import { type CheckedEdges, circleIn } from './acyclic.ts';
import { NONE } from './names.ts';
import { isGroup, type References } from './references.ts';

/** Faults named in the error. */
const MAX_NAMED = 100;
/** A circle is named with so many nodes. */
const MAX_CIRCLE = 20;
/** An id is repeated in an error up to this length. */
const MAX_SHOWN = 100;

/** What is wrong with the plan of a request; each text names its place. */
export class PlanError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super('the dependencies of the jobs are wrong');
    this.faults = faults;
  }
}

export class PlanFaults {
  readonly #said: References;

  constructor(said: References) {
    this.#said = said;
  }

  /** Names that no job has. */
  unknownNames(): string[] {
    const faults: string[] = [];
    let more = 0;
    this.#said.eachReference((reference, job, place) => {
      const names = isGroup(reference) ? this.#said.groups : this.#said.ids;
      if ((names.values.view()[reference >> 3] ?? NONE) !== NONE) return;
      if (faults.length >= MAX_NAMED) more++;
      else faults.push(`${this.#pathOf(reference, job, place)}: ${this.#unknown(reference)}`);
    });
    return more > 0 ? [...faults, `and ${more} more dependencies`] : faults;
  }

  #unknown(reference: number): string {
    const number = reference >> 3;
    return isGroup(reference)
      ? `no job of the batch is in the group ${shown(this.#said.groups.nameOf(number))}`
      : `no job of the batch has the id ${shown(this.#said.ids.nameOf(number))}`;
  }

  #pathOf(reference: number, job: number, place: number): string {
    const path =
      place < (this.#said.listed.view()[job] as number)
        ? `dependsOn[${place}]`
        : this.#boundPath(job, reference >> 3);
    return `${this.#placeOf(job)}${this.#isOnLine(job) ? ': ' : '.'}${path}`;
  }

  /** The first place of the job's `bind` that names this id. */
  #boundPath(job: number, id: number): string {
    const at = this.#said.boundJobs.view().indexOf(this.#said.jobs.view()[job] as number);
    const start = at === 0 ? 0 : (this.#said.boundEnds.view()[at - 1] as number);
    const pointer = this.#said.pointers.nameOf(
      this.#said.boundPointers.view()[this.#said.bound.view().indexOf(id, start)] as number,
    );
    return pointer === undefined ? 'bind' : `bind${memberPath(pointer)}`;
  }

  /**
   * Jobs that wait for each other.
   *
   * @param unordered the answer of `unorderedNodes`
   */
  circle(edges: CheckedEdges, unordered: Int32Array): string {
    const circle = circleIn(edges, unordered);
    const names = circle.slice(0, MAX_CIRCLE).map((node) => this.#nodeName(node, edges.total));
    const more = circle.length - names.length;
    const rest = more > 0 ? [`${more} more`] : [];
    if (circle.length === 1) return this.#dependsOnItself(circle[0] as number, edges.total);
    return `these wait for each other: ${[...names, ...rest, names[0]].join(' → ')}`;
  }

  #dependsOnItself(node: number, total: number): string {
    const job = this.#said.jobs.view().indexOf(node);
    return this.#isOnLine(job)
      ? `${this.#placeOf(job)}: the job ${shown(this.#idOf(node))} depends on itself`
      : `${this.#nodeName(node, total)} depends on itself`;
  }

  #nodeName(node: number, total: number): string {
    if (node >= total) return `the group ${shown(this.#said.groups.nameOf(node - total))}`;
    const job = this.#said.jobs.view().indexOf(node);
    const id = this.#idOf(node);
    const place = job === -1 ? `jobs[${node}]` : this.#placeOf(job);
    return id === '' ? place : `${place} (${shown(id)})`;
  }

  /** Empty for a job without one. */
  #idOf(index: number): string {
    return this.#said.ids.nameOf(this.#said.ids.values.view().indexOf(index));
  }

  #placeOf(job: number): string {
    return this.#isOnLine(job)
      ? `line ${this.#said.lines.view()[job]}`
      : `jobs[${this.#said.jobs.view()[job]}]`;
  }

  #isOnLine(job: number): boolean {
    return this.#said.lines.view()[job] !== 0;
  }
}

function shown(name: string): string {
  return JSON.stringify(name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name);
}
