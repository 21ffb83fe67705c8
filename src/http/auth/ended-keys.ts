/** Ends a response when the key of its request ends, however long the response would continue. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestHandler, Response } from 'express';
import type { Keys } from '../../access/keys.ts';
import type { Log } from '../../plugin/context.ts';
import { callerOf } from './callers.ts';

/**
 * Together with the time that a key is cached, it is well under the 5 s within which a key's end takes
 * effect.
 */
const TICK_MS = 1000;
/** A younger response may be the answer that reports the end of the key. */
const MIN_AGE_MS = 500;

export interface EndedKeys {
  /** Use it after the authentication by key: from here on the response ends with the key. */
  watch: RequestHandler;
}

/** Checks once a second, in one statement, which keys of current responses are still valid. */
export function createEndedKeys(keys: Pick<Keys, 'validAmong'>, log: Log): EndedKeys {
  /** By key: its current responses, and when each began. */
  const open = new Map<string, Map<Response, number>>();
  let ticking = false;

  async function run(): Promise<void> {
    ticking = true;
    while (open.size > 0) {
      await sleep(TICK_MS, undefined, { ref: false });
      await tick();
    }
    ticking = false;
  }

  async function tick(): Promise<void> {
    const asked = [...open.keys()];
    // While the database is away no key ends.
    const valid = await keys.validAmong(asked).catch(() => asked);
    const kept = new Set(valid);
    for (const keyId of asked) if (!kept.has(keyId)) cut(keyId);
  }

  /**
   * Cuts the connections instead of ending the responses, so that a partial answer does not look complete.
   */
  function cut(keyId: string): void {
    const old = [...(open.get(keyId) ?? [])].filter(([, since]) => performance.now() - since >= MIN_AGE_MS);
    for (const [response] of old) response.destroy();
    if (old.length > 0)
      log.info({ keyId, responses: old.length }, 'the key ended: its responses were cut off');
  }

  return {
    watch(request, response, next) {
      const { keyId } = callerOf(request);
      const responses = open.get(keyId) ?? new Map<Response, number>();
      open.set(keyId, responses);
      responses.set(response, performance.now());
      response.once('close', () => {
        responses.delete(response);
        if (responses.size === 0 && open.get(keyId) === responses) open.delete(keyId);
      });
      if (!ticking) void run();
      next();
    },
  };
}
