import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Signature } from '../../outbound/signature.ts';

/** A captured request may be sent again later; Standard Webhooks allows five minutes. */
const TOLERANCE_SECONDS = 300;

/** Checks the signature of a callback while its body arrives, as Standard Webhooks says. */
export class SignatureCheck {
  readonly #expected: Signature;
  readonly #signatures: readonly string[];
  /** What is wrong with the headers. */
  readonly #fault: string | undefined;

  /** @param secrets one of them must have signed */
  constructor(secrets: readonly string[], headers: IncomingHttpHeaders) {
    const [id = '', timestamp = '', signature = ''] = ['id', 'timestamp', 'signature'].map((name) =>
      String(headers[`webhook-${name}`] ?? ''),
    );
    this.#signatures = signature.split(' ');
    this.#fault = faultOf({ id, timestamp, signature });
    this.#expected = new Signature(secrets, id, Number(timestamp));
  }

  /** False when its headers already show that it is not genuine. */
  get mayHold(): boolean {
    return this.#fault === undefined;
  }

  add(piece: Buffer): void {
    this.#expected.update(piece);
  }

  /** After the body, once: why the callback is not genuine; undefined when it is. */
  fault(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    const expected = this.#expected
      .header()
      .split(' ')
      .map((text) => Buffer.from(text));
    const holds = this.#signatures.some((text) =>
      expected.some((bytes) => isEqual(bytes, Buffer.from(text))),
    );
    return holds ? undefined : 'another secret has signed, or the body has been changed';
  }
}

function faultOf(headers: Record<string, string>): string | undefined {
  for (const [name, value] of Object.entries(headers))
    if (value === '') return `the header webhook-${name} is missing`;
  if (!/^\d+$/.test(headers.timestamp ?? '')) return 'webhook-timestamp is not a number of seconds';
  const age = Date.now() / 1000 - Number(headers.timestamp);
  if (Math.abs(age) <= TOLERANCE_SECONDS) return undefined;
  return `it is ${Math.round(Math.abs(age))} s ${age > 0 ? 'old' : 'in the future'}`;
}

function isEqual(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
