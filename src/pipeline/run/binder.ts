/**
 * The params of jobs that get values from the responses of others: they are made when the job starts, so that of a thousand
 * jobs with large values only those that run are in memory. Values are cut out and put in as text: numbers keep their digits.
 */
import type { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { catalogue } from '../../contract/errors.ts';
import { jobText } from '../../json/job-text.ts';
import {
  comparePaths,
  depthOf,
  type Insertion,
  insertInto,
  NoPlaceError,
  parsePointer,
  pointerTo,
  textsAt,
} from '../../json/pointer.ts';
import { splitObject } from '../../json/split.ts';
import { untilAvailable } from '../../postgres/until-available.ts';
import type { RegisteredAction } from '../../registry/registry.ts';
import { loadResponses } from '../../store/planned-jobs.ts';
import { boundPlace } from '../../validation/bound-places.ts';
import { checkBound, invalidError, isProblem } from '../../validation/check-job.ts';
import { LARGE_JOB_BYTES, type LargeJobChecker } from '../../validation/large-jobs.ts';
import { mustTurn, nextTurn } from '../throttle/event-loop-turns.ts';
import { type BoundRoom, MAX_BATCH_BYTES, MAX_BOUND_LENGTH } from './bound-room.ts';

/** As deep as the params of a request may be. */
const MAX_DEPTH = 497;
/** Responses loaded by one statement. */
const MAX_LOADED_BYTES = 4 * 1024 * 1024;
const FIRST_ROWS = 50;
const MAX_ROWS = 1000;
/** A shorter value is copied out of a response that is longer by this factor, which it would keep in memory. */
const COPIED_BELOW = 4;

/** The responses that were used last, in one process, by batch, generation and index. */
export type KeptResponses = LRUCache<string, string>;

/** The jobs of a message, and what is needed to bind values into them. */
export interface BinderOptions {
  pool: Pool;
  responses: KeptResponses;
  boundRoom: Pick<BoundRoom, 'isFull'>;
  largeJobs: LargeJobChecker<RegisteredAction>;
  batchId: string;
  generation: number;
  /** The number of jobs in the batch. */
  total: number;
  /** The JSON text of each job, by index. */
  texts: ReadonlyMap<number, string>;
  /** By index: for each place of `bind`, the job whose response has the value. */
  sources: ReadonlyMap<number, Int32Array>;
  /** Aborted when the process no longer waits. */
  stopping: AbortSignal;
}

/** The params of a job with their values, and their JSON text; or the error of a job that cannot run, as JSON text. */
export type BoundJob = { params: unknown; request: string } | { error: string; request?: string };

/** A place in a job's params, and where its value comes from. */
interface Binding {
  place: readonly string[];
  source: number;
  at: readonly string[];
  /** JSON text. */
  fallback: string | undefined;
}

/** For the jobs of one message. */
export class Binder {
  readonly #options: BinderOptions;
  /** The jobs that get values, in the order in which they start. */
  readonly #order: readonly number[];
  #rowsAtOnce = FIRST_ROWS;
  #loading: Promise<unknown> | null = null;

  constructor(options: BinderOptions) {
    this.#options = options;
    this.#order = [...options.sources.keys()].sort((a, b) => a - b);
  }

  /** The places in the job's params that get values. */
  placesOf(index: number): (readonly string[])[] {
    return this.#read(index).bindings.map(({ place }) => place);
  }

  /** Waits while the database is away. Throws its error when the process must stop. */
  async bind(index: number, entry: RegisteredAction): Promise<BoundJob> {
    const { params, bindings } = this.#read(index);
    const { boundRoom, batchId, total, stopping } = this.#options;
    const isFull = () => boundRoom.isFull(batchId, total);
    if (await untilAvailable(isFull, { signal: stopping })) return { error: tooLarge(BATCH_TOO_LARGE) };
    const values = await this.#values(index, bindings);
    if (!values) return { error: tooLarge(JOB_TOO_LARGE) };
    // Other jobs may have got their values in the same turn.
    if (mustTurn(performance.now())) await nextTurn();
    const insertions: Insertion[] = [];
    let length = 0;
    for (const [at, { place, fallback }] of bindings.entries()) {
      const value = values[at] ?? fallback;
      if (value === undefined) return { error: nothingAt(bindings[at] as Binding) };
      length += value.length;
      if (length > MAX_BOUND_LENGTH) return { error: tooLarge(JOB_TOO_LARGE) };
      // Shorter texts cannot be as deep.
      if (value.length > MAX_DEPTH && place.length + depthOf(value) > MAX_DEPTH)
        return { error: tooDeep(place) };
      insertions.push({ path: place, value });
    }
    try {
      return await this.#checked(entry, insertInto(params, insertions));
    } catch (error) {
      if (!(error instanceof NoPlaceError)) throw error;
      const outer = bindings.find(({ place }) => isWithin(error.path, place));
      return { error: unmet(error.path, 'there is no object or array for it', outer?.source) };
    }
  }

  async #checked(entry: RegisteredAction, request: string): Promise<BoundJob> {
    if (request.length <= LARGE_JOB_BYTES) {
      const checked = checkBound(entry.validate, request);
      return 'params' in checked ? { ...checked, request } : { error: invalidError(checked), request };
    }
    const [namespace = '', action = ''] = entry.name.split('.');
    const { checked } = await this.#options.largeJobs.check(
      Buffer.from(jobText({ namespace, action }, request)),
    );
    if (checked instanceof SyntaxError) throw checked;
    if (isProblem(checked)) return { error: invalidError(checked), request };
    if (mustTurn(performance.now())) await nextTurn();
    return { params: JSON.parse(request), request };
  }

  #read(index: number): { params: string; bindings: Binding[] } {
    const job = splitObject(this.#options.texts.get(index) ?? '{}');
    const own = this.#options.sources.get(index) ?? [];
    const bindings = [...splitObject(job.get('bind') ?? '{}')]
      .map(([pointer, source]) => ({ place: parsePointer(pointer) ?? [], source: splitObject(source) }))
      .sort((one, other) => comparePaths(one.place, other.place))
      .map(({ place, source }, position) => ({
        place,
        source: own[position] ?? -1,
        at: parsePointer(JSON.parse(source.get('at') ?? '""')) ?? [],
        fallback: source.get('default'),
      }));
    return { params: job.get('params') ?? '{}', bindings };
  }

  /**
   * The texts of the values, in the order of the bindings; undefined for one that its response does not have. Null when they
   * are too large together.
   */
  async #values(index: number, bindings: readonly Binding[]): Promise<(string | undefined)[] | null> {
    const values: (string | undefined)[] = [];
    const open = Map.groupBy(bindings.keys(), (position) => bindings[position]?.source ?? -1);
    let length = 0;
    const take = (source: number, response: string): void => {
      const positions = open.get(source) ?? [];
      open.delete(source);
      const found = textsAt(
        response,
        positions.map((position) => bindings[position]?.at ?? []),
      );
      for (const [at, position] of positions.entries()) {
        const value = found[at];
        length += value?.length ?? 0;
        if (length > MAX_BOUND_LENGTH) return;
        values[position] = value && value.length * COPIED_BELOW < response.length ? copied(value) : value;
      }
    };
    for (;;) {
      for (const source of [...open.keys()]) {
        const response = this.#options.responses.get(this.#key(source));
        if (response !== undefined) take(source, response);
      }
      if (length > MAX_BOUND_LENGTH) return null;
      if (open.size === 0) return values;
      if (this.#loading) {
        await this.#loading;
        continue;
      }
      const loaded = await this.#load(index, open);
      const own = loaded.filter(({ index: source }) => open.has(source));
      for (const { index: source, response } of own) take(source, response);
      // Their results were deleted: the batch was restarted, and nothing of this is recorded.
      if (own.length === 0) return values;
    }
  }

  /** Loads some of these responses, and some of those that the next jobs need. */
  async #load(
    index: number,
    open: ReadonlyMap<number, unknown>,
  ): Promise<{ index: number; response: string }[]> {
    const { pool, batchId, sources, responses, stopping } = this.#options;
    const wanted = new Set([...open.keys()].slice(0, this.#rowsAtOnce));
    for (
      let at = this.#order.indexOf(index) + 1;
      at < this.#order.length && wanted.size < this.#rowsAtOnce;
      at++
    )
      for (const source of sources.get(this.#order[at] ?? -1) ?? [])
        if (wanted.size < this.#rowsAtOnce && !responses.has(this.#key(source))) wanted.add(source);
    const load = () => loadResponses(pool, batchId, [...wanted], MAX_LOADED_BYTES);
    const loading = untilAvailable(load, { signal: stopping });
    this.#loading = loading.catch(() => {});
    const loaded = await loading.finally(() => {
      this.#loading = null;
    });
    let length = 0;
    for (const { index: source, response } of loaded) {
      responses.set(this.#key(source), response);
      length += response.length;
    }
    const average = Math.max(1, length / Math.max(1, loaded.length));
    this.#rowsAtOnce = Math.max(
      1,
      Math.min(MAX_ROWS, this.#rowsAtOnce * 4, Math.floor(MAX_LOADED_BYTES / average)),
    );
    return loaded;
  }

  #key(source: number): string {
    const { batchId, generation } = this.#options;
    return `${batchId} ${generation} ${source}`;
  }
}

/** The same text without the longer one that it was cut out of. */
function copied(text: string): string {
  return Buffer.from(text).toString();
}

function isWithin(path: readonly string[], outer: readonly string[]): boolean {
  return outer.length < path.length && outer.every((part, at) => part === path[at]);
}

function nothingAt({ place, source, at }: Binding): string {
  return unmet(place, `the response of job ${source} has nothing at "${pointerTo(at)}"`, source);
}

function unmet(place: readonly string[], why: string, causedBy: number | undefined): string {
  return JSON.stringify({
    errorCode: catalogue.skipped.errorCode,
    message: `${boundPlace(place)}: ${why}`,
    causedBy,
  });
}

const JOB_TOO_LARGE = `bind: the values have more than ${MAX_BOUND_LENGTH} characters together`;
const BATCH_TOO_LARGE = `bind: the jobs of the batch have params with values of ${MAX_BATCH_BYTES} bytes together, and get no more`;

function tooLarge(message: string): string {
  return JSON.stringify({ errorCode: catalogue.bodyTooLarge.errorCode, message });
}

function tooDeep(place: readonly string[]): string {
  const text = `${boundPlace(place)}: with the value, the params are nested deeper than ${MAX_DEPTH} levels`;
  return invalidError({ kind: 'invalidParams', faults: [{ text, joint: '.' }] });
}
