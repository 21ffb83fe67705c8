import type { Request } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';

/** The identified caller of each request. */
const callers = new WeakMap<Request, Caller>();

/** Throws `unauthorized` when the request has no caller: its route has no authentication. */
export function callerOf(request: Request): Caller {
  const caller = callers.get(request);
  if (!caller) throw new BatchwrightError('unauthorized');
  return caller;
}

export function setCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}
