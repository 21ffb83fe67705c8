import type { Request } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import type { Caller } from '../../domain/caller.ts';

/** Who sends a request, once it has been found out. */
const callers = new WeakMap<Request, Caller>();

/** Throws `unauthorized` when no caller was found out: a route behind no authentication asks for one. */
export function callerOf(request: Request): Caller {
  const caller = callers.get(request);
  if (!caller) throw new BatchwrightError('unauthorized');
  return caller;
}

export function setCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}
