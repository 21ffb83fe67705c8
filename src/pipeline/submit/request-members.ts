/** The members of a request other than its jobs. */
import { isUtf8 } from 'node:buffer';
import { BatchwrightError } from '../../contract/errors.ts';
import type { BatchOptions } from '../../domain/batch-options.ts';
import { unknownMember } from '../../domain/unknown-name.ts';
import { wrongOption } from './check-options.ts';

/** The known top-level members of a body. */
const MEMBERS = ['jobs', 'callbackUrl', 'options'];
const MAX_MEMBER_BYTES = 256 * 1024;

export class RequestMembers {
  #jobs: 'absent' | 'array' | 'other' = 'absent';
  readonly #values = new Map<string, unknown>();

  /** What `jobs` is. */
  get jobs(): 'absent' | 'array' | 'other' {
    return this.#jobs;
  }

  get callbackUrl(): unknown {
    return this.#values.get('callbackUrl');
  }

  /** The array `jobs` begins. */
  beginJobs(): void {
    this.#jobs = 'array';
  }

  /** @throws BatchwrightError for one that is not known, too large or no JSON */
  add(key: string, value: Buffer): void {
    if (key === 'jobs') {
      this.#jobs = value.toString() === 'null' ? 'absent' : 'other';
      return;
    }
    if (!MEMBERS.includes(key))
      throw new BatchwrightError('invalidRequest', { message: unknownMember('', key, MEMBERS) });
    if (value.length > MAX_MEMBER_BYTES)
      throw new BatchwrightError('invalidRequest', { message: `${key} is too large` });
    try {
      if (!isUtf8(value)) throw new SyntaxError('it is not valid UTF-8');
      this.#values.set(key, JSON.parse(value.toString()));
    } catch (error) {
      const why = withoutPosition(error as SyntaxError);
      throw new BatchwrightError('invalidRequest', { message: `${key} is not valid JSON: ${why}` });
    }
  }

  /** @throws BatchwrightError for wrong ones */
  options(): BatchOptions {
    const options = this.#values.get('options');
    if (options == null) return {};
    if (typeof options !== 'object' || Array.isArray(options))
      throw new BatchwrightError('invalidRequest', { message: 'options must be an object' });
    const message = wrongOption(options as Record<string, unknown>);
    if (message !== null) throw new BatchwrightError('invalidRequest', { message });
    return options as BatchOptions;
  }
}

/** Drops the position: it counts within the one job or member, not within the body. */
export function withoutPosition({ message }: Error): string {
  return message.replace(/ \(line \d+ column \d+\)$/, '');
}
