import { isUtf8 } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { lacksPermissions } from '../../access/permissions.ts';
import { BatchwrightError } from '../../contract/errors.ts';
import type { BatchOptions } from '../../domain/batch-options.ts';
import { type Caller, mayRun } from '../../domain/caller.ts';
import type { JobPlan } from '../../domain/plan/job-plan.ts';
import type { Plan } from '../../domain/plan/plan.ts';
import { PlanDraft } from '../../domain/plan/plan-draft.ts';
import { PlanError } from '../../domain/plan/plan-faults.ts';
import type { PlannedJob } from '../../domain/plan/references.ts';
import { UnknownActions } from '../../domain/unknown-action.ts';
import type { EnvelopeEvent } from '../../json/envelope-scanner.ts';
import type { RegisteredAction, Registry } from '../../registry/registry.ts';
import type { NewChunk } from '../../store/new-chunks.ts';
import {
  checkJob,
  invalidError,
  isProblem,
  type JobProblem,
  type KnownActions,
  memberFault,
  type ValidJob,
} from '../../validation/check-job.ts';
import { LARGE_JOB_BYTES, type LargeJobChecker } from '../../validation/large-jobs.ts';
import { JobProblems } from './job-problems.ts';
import { OpenChunk } from './open-chunk.ts';
import { RequestMembers, withoutPosition } from './request-members.ts';

/**
 * A piece of a body may have thousands of jobs, of a few bytes each. After this time the event loop turns. The clock is
 * read once for so many jobs, because reading it takes as long as 1 % of the check of one.
 */
const MAX_TURN_MS = 10;
const JOBS_PER_LOOK = 256;
/** The parts of a body. A job on a line of its own is named by its line. */
export type IntakeEvent = EnvelopeEvent | { kind: 'element'; value: Buffer; line: number };

export interface IntakeOptions {
  caller: Caller;
  registry: Registry;
  largeJobs: LargeJobChecker<RegisteredAction>;
  maxJobs: number;
  maxDependencies: number;
  /** The request is one action's params rather than a batch: its errors name params. */
  isCall?: boolean | undefined;
}

/** The members of a request other than its jobs. */
export interface Envelope {
  callbackUrl: unknown;
  options: BatchOptions;
  /** The actions of its jobs, each once: `namespace.action`. */
  actions: string[];
}

/**
 * Takes a request's jobs one after another: checks each, packs them into chunks, collects errors. Holds one
 * open chunk at a time.
 */
export class Intake {
  readonly #options: IntakeOptions;
  #chunk = new OpenChunk(0, 0);
  #index = 0;
  readonly #members = new RequestMembers();
  readonly #known: KnownActions<RegisteredAction>;
  readonly #plan = new PlanDraft();
  /** The position of each action. */
  readonly #actions = new Map<string, number>();
  readonly #lacking = new Set<string>();
  readonly #problems: JobProblems;
  /** Duplicate ids, unparsable jobs and too many dependencies fail the request even under skipInvalid. */
  #fatal = false;
  readonly #refused = new Map<string, number>();

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#problems = new JobProblems(options.isCall ?? false);
    const { registry } = options;
    const unknown = new UnknownActions(() => registry.actions.map(({ name }) => name));
    this.#known = { get: registry.get, unknown };
  }

  /** Jobs seen so far. */
  get total(): number {
    return this.#index;
  }

  /** Jobs refused so far, by action; `''` for those that name no known action. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused;
  }

  /**
   * Takes the next events; returns the chunks that are full. Throws BatchwrightError at once for too many
   * jobs, and for actions that the caller may not run.
   */
  async take(events: readonly IntakeEvent[]): Promise<NewChunk[]> {
    const closed: NewChunk[] = [];
    let turnedAt = performance.now();
    let taken = 0;
    for (const event of events) {
      if (++taken % JOBS_PER_LOOK === 0 && performance.now() - turnedAt >= MAX_TURN_MS) {
        await nextTurn();
        turnedAt = performance.now();
      }
      if (event.kind === 'element') {
        if (this.#chunk.isFull(event.value.length)) closed.push(this.#closeChunk());
        const line = 'line' in event ? event.line : 0;
        // Awaiting each small job would cost more than checking it.
        if (event.value.length > LARGE_JOB_BYTES) await this.#addLarge(event.value, line);
        else this.#add(event.value, this.#checkSmall(event.value), line);
      } else if (event.kind === 'member') {
        this.#members.add(event.key, event.value);
      } else {
        this.#members.beginJobs();
      }
    }
    this.#refuseForbidden();
    return closed;
  }

  /**
   * Checked first, and before the rest is read: a caller who may not run an action must not learn about its
   * schema.
   */
  #refuseForbidden(): void {
    if (this.#lacking.size > 0) throw lacksPermissions([...this.#lacking]);
  }

  /** The last chunk; null when it is empty. */
  lastChunk(): NewChunk | null {
    return this.#chunk.count === 0 ? null : this.#closeChunk();
  }

  /**
   * Returns the members other than the jobs. Throws BatchwrightError when the request is refused as a whole.
   */
  finish(): Envelope {
    const options = this.#members.options();
    if (this.#members.jobs === 'other')
      throw new BatchwrightError('invalidRequest', { message: 'jobs must be an array' });
    if (this.#members.jobs === 'absent')
      throw new BatchwrightError('emptyJobs', { message: 'jobs is missing' });
    if (this.#index === 0) throw new BatchwrightError('emptyJobs', { message: 'jobs must not be empty' });
    if (this.#problems.count > 0 && (this.#fatal || !options.skipInvalid)) this.#problems.refuse();
    return { callbackUrl: this.#members.callbackUrl, options, actions: [...this.#actions.keys()] };
  }

  /**
   * What its jobs say about each other; null when none depends on another. Call it after `finish`. Throws BatchwrightError
   * for names that no job has, and for jobs that wait for each other.
   */
  async plan(): Promise<Plan | null> {
    try {
      return await this.#plan.finish(this.#index);
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      throw new BatchwrightError('invalidRequest', { details: [...error.faults] });
    }
  }

  #checkSmall(bytes: Buffer): ValidJob<RegisteredAction> | JobProblem {
    if (!isUtf8(bytes)) return this.#unreadable('is not valid UTF-8');
    const text = bytes.toString();
    let job: unknown;
    try {
      job = JSON.parse(text);
    } catch (error) {
      return this.#unreadable(`is not valid JSON: ${withoutPosition(error as Error)}`);
    }
    return checkJob(this.#known, job, text);
  }

  async #addLarge(given: Buffer, line: number): Promise<void> {
    if (!isUtf8(given)) return this.#add(given, this.#unreadable('is not valid UTF-8'), line);
    const { bytes, checked } = await this.#options.largeJobs.check(given);
    const isJson = !(checked instanceof SyntaxError);
    this.#add(
      bytes,
      isJson ? checked : this.#unreadable(`is not valid JSON: ${withoutPosition(checked)}`),
      line,
    );
  }

  #unreadable(why: string): JobProblem {
    this.#fatal = true;
    return { kind: 'invalidRequest', faults: [{ text: why, joint: ' ' }], id: undefined };
  }

  #add(bytes: Buffer, checked: ValidJob<RegisteredAction> | JobProblem, line: number): void {
    const index = this.#index++;
    if (index >= this.#options.maxJobs)
      throw new BatchwrightError('tooManyJobs', {
        message: `The maximum number of jobs that can be put on a single request is ${this.#options.maxJobs}`,
      });
    const unique = this.#claimId(checked, index);
    if (isProblem(unique)) {
      if (unique.refusesBatch) this.#fatal = true;
      this.#problems.add({ index, line }, unique);
      if (unique.plan) this.#addPlan(unique.plan, { index, action: 0, line, isRefused: true });
      const named =
        unique.action && this.#options.registry.get(unique.action.namespace, unique.action.action);
      if (named) this.#noteAction(named);
      const name = named?.name ?? '';
      this.#refused.set(name, (this.#refused.get(name) ?? 0) + 1);
      this.#chunk.addInvalid(index, bytes, invalidError(unique));
      return;
    }
    const action = this.#noteAction(unique.entry);
    if (unique.plan) this.#addPlan(unique.plan, { index, action, line });
    this.#chunk.add(bytes, unique.entry, (unique.plan?.dependencies.length ?? 0) > 0);
  }

  #addPlan(plan: JobPlan, job: PlannedJob): void {
    if (plan.group !== undefined) this.#plan.addMember(job.index, plan.group);
    this.#plan.add(job, plan);
    const { maxDependencies } = this.#options;
    if (this.#plan.size > maxDependencies)
      throw new BatchwrightError('invalidRequest', {
        message: `The jobs of a batch can have at most ${maxDependencies} dependencies together`,
      });
  }

  /** Returns the action's position among those of the batch. */
  #noteAction({ name, permission }: RegisteredAction): number {
    const known = this.#actions.get(name);
    if (known !== undefined) return known;
    const position = this.#actions.size;
    this.#actions.set(name, position);
    if (!mayRun(this.#options.caller, permission)) this.#lacking.add(permission);
    return position;
  }

  #claimId(
    checked: ValidJob<RegisteredAction> | JobProblem,
    index: number,
  ): ValidJob<RegisteredAction> | JobProblem {
    if (checked.id === undefined || this.#plan.claimId(String(checked.id), index)) return checked;
    this.#fatal = true;
    return {
      kind: 'invalidRequest',
      faults: [memberFault(`id ${JSON.stringify(checked.id)} is a duplicate`)],
      id: checked.id,
    };
  }

  #closeChunk(): NewChunk {
    const closed = this.#chunk.close();
    this.#chunk = new OpenChunk(closed.number + 1, this.#index);
    return closed;
  }
}
