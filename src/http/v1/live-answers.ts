/** GET routes whose answers `/v1/events` also sends as they change. */
import { Router } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';
import type { WatchedAnswer } from '../../pipeline/read/answer-watch.ts';
import { SharedFind, seenBy } from '../../pipeline/read/shared-find.ts';
import type { Log } from '../../plugin/context.ts';
import { callerOf } from '../auth/callers.ts';
import { queryOf } from '../body/query.ts';
import { publicError } from '../error-handler.ts';
import { errorText } from '../server/send-error.ts';

export interface Question<Param extends string, Name extends string> {
  caller: Caller;
  /** The values in the path. */
  params: { [name in Param]: string };
  query: { [name in Name]?: string };
}

/** Returns JSON text, the same for all callers of a tenant who are operators, and for all who are not. */
type Answer<Param extends string, Name extends string> = (question: Question<Param, Name>) => Promise<string>;

interface LiveRoute {
  pattern: RegExp;
  names: readonly string[];
  answer: Answer<string, string>;
}

const MAX_PATHS = 20;

export class LiveAnswers {
  readonly router = Router();
  readonly #routes: LiveRoute[] = [];
  /** By what decides the answer: the caller's tenant, whether it is the operator, and the path with its query. */
  readonly #shared = new SharedFind<string>();
  readonly #log: Pick<Log, 'error'>;

  constructor(log: Pick<Log, 'error'>) {
    this.#log = log;
  }

  /**
   * Adds a route below `/v1`.
   *
   * @param names those that its query may have
   */
  get<Param extends string, Name extends string = never>(
    path: string,
    names: readonly Name[],
    answer: Answer<Param, Name>,
  ): void {
    this.router.get(path, async (request, response) => {
      const query = queryOf(request, names);
      const params = request.params as { [name in Param]: string };
      const caller = callerOf(request);
      const find = () => answer({ caller, params, query });
      response.type('json').send(await this.#shared.get(keyOf(caller, request.originalUrl), find));
    });
    const pattern = new RegExp(`^/v1${path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
    this.#routes.push({ pattern, names, answer: answer as Answer<string, string> });
  }

  /**
   * The answers to GET requests for these paths.
   *
   * @param list paths below `/v1` with their queries, separated by commas; each may be encoded
   * @throws BatchwrightError `badRequest` for a path that has no such answer, or a wrong query
   */
  among(list: string | undefined, caller: Caller): (WatchedAnswer & { path: string })[] {
    if (list === undefined) return [];
    const paths = [...new Set(list.split(','))];
    if (paths.length > MAX_PATHS)
      throw new BatchwrightError('badRequest', { message: `paths must be at most ${MAX_PATHS}` });
    return paths.map((path) => ({ path, ...this.#find(path, caller) }));
  }

  #find(path: string, caller: Caller): WatchedAnswer {
    const [place = ''] = path.split('?', 1);
    for (const { pattern, names, answer } of this.#routes) {
      const found = pattern.exec(place);
      if (!found) continue;
      const params = Object.fromEntries(
        Object.entries(found.groups ?? {}).map(([name, value]) => [name, decodedPart(value)]),
      );
      const question = { caller, params, query: queryOf({ originalUrl: path }, names) };
      const key = keyOf(caller, path);
      return {
        key,
        find: () => this.#answered(path, () => this.#shared.get(key, () => answer(question))),
      };
    }
    throw new BatchwrightError('badRequest', {
      message: `paths must be such as /v1/limits, not ${JSON.stringify(path.slice(0, 100))}`,
    });
  }

  /** The data of an event. It never rejects: an error is an answer too. */
  async #answered(path: string, answer: () => Promise<string>): Promise<string> {
    const data = (status: number, text: string) =>
      `{"path":${JSON.stringify(path)},"status":${status},"answer":${text}}`;
    try {
      return data(200, await answer());
    } catch (error) {
      const shown = publicError(error);
      if (shown.kind === 'internal') this.#log.error({ err: error }, 'answer for a stream failed');
      return data(shown.body.errorCode, errorText(shown, '/v1').text);
    }
  }
}

function keyOf(caller: Caller, path: string): string {
  return `${seenBy(caller)} ${path}`;
}

function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new BatchwrightError('badRequest', {
      message: 'A path is not percent-encoded UTF-8',
      cause: error,
    });
  }
}
