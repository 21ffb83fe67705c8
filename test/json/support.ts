import { isUtf8 } from 'node:buffer';
import { type EnvelopeEvent, EnvelopeScanner } from '../../src/json/envelope-scanner.ts';

export interface Limits {
  maxDepth?: number;
  maxElementBytes?: number;
  wrapper?: string;
}

/** Scans a body that arrives in the given pieces; its array member is `jobs`. */
export function scan(pieces: Iterable<Buffer>, limits: Limits = {}): EnvelopeEvent[] {
  const scanner = new EnvelopeScanner({
    arrayMember: 'jobs',
    maxDepth: 500,
    maxElementBytes: 2 ** 20,
    ...limits,
  });
  const events: EnvelopeEvent[] = [];
  for (const piece of pieces) for (const event of scanner.push(piece)) events.push(event);
  return events.concat(scanner.end());
}

export function inPieces(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

/** The document that the events describe, each value parsed separately. */
export function assemble(events: EnvelopeEvent[]): unknown {
  const members = new Map<string, unknown>();
  const elements: unknown[] = [];
  for (const event of events) {
    if (event.kind === 'array-end') members.set('jobs', elements);
    else if (event.kind === 'element') elements.push(parseBytes(event.value));
    else members.set(event.key, parseBytes(event.value));
  }
  return Object.fromEntries(members);
}

/** Throws SyntaxError for text that is not valid JSON in UTF-8. */
export function parseBytes(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new SyntaxError('not UTF-8');
  return JSON.parse(bytes.toString());
}
