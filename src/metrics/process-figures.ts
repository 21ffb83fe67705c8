/** What this process counts: it listens to the events of the telemetry. */
import { type ELDHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import {
  batchEnded,
  batchSubmitted,
  callbackAttempted,
  jobsEnded,
  jobsRefused,
  requestEnded,
  workerRestarted,
} from '../telemetry/events.ts';
import { Counter, type Figure, gauge, Histogram } from './figures.ts';
import { countJobs } from './jobs.ts';
import { NodeFigures } from './node-figures.ts';

/** Most jobs take milliseconds; a job may take an hour. */
const RUN_BOUNDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800];
const WAIT_BOUNDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 86_400];
const REQUEST_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30];

/** Other methods than these share a label: Node knows three dozen. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** The resolution of the event loop's timer. What it measures includes it. */
const LOOP_RESOLUTION_MS = 20;
/** The delay shown is that of the last window or of the one before, so that frequent scrapes miss nothing. */
const LOOP_WINDOW_MS = 15_000;

export type OpenPools = () => readonly { name: string; used: number; idle: number; waiting: number }[];

export class ProcessFigures {
  /** Node's own, which are read apart: they take memory. */
  readonly node = new NodeFigures();
  readonly #batchesSubmitted = new Counter({
    name: 'batches_submitted_total',
    help: 'Batches stored. A single action that is called is a batch of one job.',
    labels: [],
  });
  readonly #batchesFinished = new Counter({
    name: 'batches_finished_total',
    help: 'Batches ended: succeeded (every job), failed (at least one job), cancelled.',
    labels: ['outcome'],
  });
  readonly #jobs = {
    finished: new Counter({
      name: 'jobs_finished_total',
      help: 'Jobs that got their result, by action and status.',
      labels: ['action', 'status'],
    }),
    attempts: new Counter({
      name: 'job_attempts_total',
      help: 'Runs of jobs: succeeded, failed (for good), retried, throttled (refused for now by the called service), interrupted.',
      labels: ['action', 'outcome'],
    }),
    runSeconds: new Histogram({
      name: 'job_run_seconds',
      help: 'Time of a run that succeeded or failed.',
      labels: ['action'],
      bounds: RUN_BOUNDS,
    }),
    waitSeconds: new Histogram({
      name: 'job_wait_seconds',
      help: "Time from the batch's arrival to the first run of a job.",
      labels: ['action'],
      bounds: WAIT_BOUNDS,
    }),
  };
  readonly #callbackAttempts = new Counter({
    name: 'callback_attempts_total',
    help: 'Attempts to deliver callbacks: delivered, refused (another status than 2xx), unreachable (no answer).',
    labels: ['outcome'],
  });
  readonly #requestSeconds = new Histogram({
    name: 'http_request_seconds',
    help: 'Time from the head of a request to the end of its answer. Status 0: the client left before.',
    labels: ['route', 'method', 'status'],
    bounds: REQUEST_BOUNDS,
  });
  readonly #workerRestarts = new Counter({
    name: 'worker_restarts_total',
    help: 'Worker processes of ROLE=all that ended by themselves and were replaced.',
    labels: [],
  });
  readonly #openPools: OpenPools;
  readonly #version: string;
  readonly #loop: ELDHistogram;
  #loopSince = performance.now();
  #loopBefore = 0;
  readonly #ignore: (() => void)[];

  /** Counts from now on, until `close`. */
  constructor({ openPools, version }: { openPools: OpenPools; version: string }) {
    this.#openPools = openPools;
    this.#version = version;
    this.#loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
    this.#loop.enable();
    this.#ignore = [
      batchSubmitted.listen(() => this.#batchesSubmitted.add(1, {})),
      batchEnded.listen(({ state, counts }) => {
        const whole = counts.succeeded === counts.total ? 'succeeded' : 'failed';
        this.#batchesFinished.add(1, { outcome: state === 'cancelled' ? state : whole });
      }),
      jobsEnded.listen((fields) => countJobs(this.#jobs, fields)),
      jobsRefused.listen(({ byAction }) => {
        for (const [action, count] of byAction) this.#jobs.finished.add(count, { action, status: 'failed' });
      }),
      callbackAttempted.listen(({ status, error }) => {
        const refused = status === null ? 'unreachable' : 'refused';
        this.#callbackAttempts.add(1, { outcome: error === null ? 'delivered' : refused });
      }),
      requestEnded.listen(({ route, method, status, seconds }) => {
        const labels = { route, method: METHODS.includes(method) ? method : 'other', status: String(status) };
        this.#requestSeconds.of(labels)(seconds);
      }),
      workerRestarted.listen(() => this.#workerRestarts.add(1, {})),
    ];
  }

  read(): Figure[] {
    const { finished, attempts, runSeconds, waitSeconds } = this.#jobs;
    const counted = [
      this.#batchesSubmitted,
      this.#batchesFinished,
      finished,
      attempts,
      runSeconds,
      waitSeconds,
      this.#callbackAttempts,
      this.#requestSeconds,
      this.#workerRestarts,
    ].map((figure): Figure => figure.read());
    return [
      ...counted,
      gauge(
        'event_loop_delay_seconds',
        'The delay that 1 % of the turns of the event loop exceed, in the last 15 to 30 s, in the slowest process.',
        [{ value: this.#loopDelay() }],
        'max',
      ),
      gauge(
        'pg_pool',
        'Connections of each pool, used and idle, and how many wait for one.',
        this.#openPools().flatMap(({ name: pool, used, idle, waiting }) =>
          Object.entries({ used, idle, waiting }).map(([state, value]) => ({
            labels: { pool, state },
            value,
          })),
        ),
      ),
      gauge(
        'build_info',
        'Always 1; the labels are the versions.',
        [{ labels: { version: this.#version, node: process.version }, value: 1 }],
        'first',
      ),
    ];
  }

  close(): void {
    for (const ignore of this.#ignore) ignore();
    this.#loop.disable();
    this.node.close();
  }

  #loopDelay(): number {
    const delay = Math.max(0, this.#loop.percentile(99) / 1e9 - LOOP_RESOLUTION_MS / 1000);
    const shown = Math.max(delay, this.#loopBefore);
    if (performance.now() - this.#loopSince >= LOOP_WINDOW_MS) {
      this.#loopBefore = delay;
      this.#loopSince = performance.now();
      this.#loop.reset();
    }
    return shown;
  }
}
