/** A file of params is easily sent without the action that they are for. */
import { UsageError } from '../exit.ts';
import { nameOf } from './open-input.ts';

/** Throws UsageError for an object that names neither a namespace nor an action. The server checks everything else. */
export function requireJob(first: unknown, file: string): void {
  if (typeof first !== 'object' || first === null || Array.isArray(first)) return;
  if ('namespace' in first || 'action' in first) return;
  throw new UsageError(
    `the first job of ${nameOf(file)} has no namespace and no action: if these are params, name their action with --action`,
  );
}

/** The same for a job as text. */
export function requireJobText(text: string, file: string): void {
  let first: unknown;
  try {
    first = JSON.parse(text);
  } catch {
    return;
  }
  requireJob(first, file);
}
