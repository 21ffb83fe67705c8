/** JSON bodies for plugins' routes. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BatchwrightError } from '../../contract/errors.ts';
import { type EnvelopeEvent, EnvelopeScanner } from '../../json/envelope-scanner.ts';
import type { JsonArrayBody } from '../../plugin/routes.ts';
import { asRequestError, MAX_DEPTH } from '../body/body.ts';
import { pieces } from '../body/decode.ts';

const SMALL_BYTES = 1024 * 1024;
/** All members beside the array, their names counted: they are parsed at once, and held until the end. */
const MEMBERS_BYTES = 256 * 1024;
/** The elements of one piece are worked on for so long before others get a turn. */
const TURN_MS = 20;
const FIRST_CHARACTER = /[^\s\ufeff]/;

/** See RouteTools.readJson. */
export async function readJson(request: IncomingMessage, maxBytes = SMALL_BYTES): Promise<unknown> {
  const body = Buffer.concat(await Array.fromAsync(pieces(request, maxBytes)));
  if (!isUtf8(body)) throw notJson('it is not valid UTF-8');
  const text = body.toString();
  const first = FIRST_CHARACTER.exec(text)?.[0];
  if (first === undefined) return {};
  if (first === '{' || first === '[') requireDepth(body, first === '[');
  return parsed(text.replace(/^\ufeff/, ''));
}

function requireDepth(body: Buffer, isArray: boolean): void {
  const scanner = scannerOf({ arrayMember: null, isArray, maxElementBytes: body.length });
  asRequestError(noHint, () => {
    scanner.push(body);
    scanner.end();
  });
}

/**
 * See RouteTools.readJsonArray.
 *
 * @param options.wrapper the only member of a body whose value is the object with the array
 * @param options.parse of an element
 * @param limits.maxBodyBytes of the body, decoded
 * @param limits.maxJobBytes of an element
 */
export function readJsonArray(
  request: IncomingMessage,
  {
    array,
    wrapper,
    parse = JSON.parse,
  }: { array: string | null; wrapper?: string | undefined; parse?: ((text: string) => unknown) | undefined },
  limits: { maxBodyBytes: number; maxJobBytes: number },
): JsonArrayBody {
  const members: Record<string, unknown> = Object.create(null);
  const scanner = scannerOf({
    arrayMember: array,
    isArray: array === null,
    wrapper,
    maxElementBytes: limits.maxJobBytes,
  });
  const body = { members, hasArray: false, elements: elementsOf() };
  return body;

  async function* elementsOf(): AsyncGenerator<unknown> {
    let count = 0;
    let memberBytes = 0;
    for await (const piece of pieces(request, limits.maxBodyBytes)) {
      let turnStart = performance.now();
      for (const event of asRequestError(noHint, () => scanner.push(piece))) {
        if (event.kind === 'element') {
          yield parsedValue(event, `${array ?? ''}[${count++}]`, parse);
          if (performance.now() - turnStart < TURN_MS) continue;
          await nextTurn();
          turnStart = performance.now();
        } else if (event.kind === 'array-end') body.hasArray = true;
        else {
          memberBytes += Buffer.byteLength(event.key) + event.value.length;
          if (memberBytes > MEMBERS_BYTES) throw membersTooLarge(array);
          members[event.key] = parsedValue(event, event.key.slice(0, 100));
        }
      }
    }
    asRequestError(noHint, () => scanner.end());
  }
}

function scannerOf(options: {
  arrayMember: string | null;
  isArray: boolean;
  wrapper?: string | undefined;
  maxElementBytes: number;
}) {
  return new EnvelopeScanner({ ...options, maxDepth: MAX_DEPTH });
}

function parsedValue(
  { value }: Extract<EnvelopeEvent, { value: Buffer }>,
  place: string,
  parse?: (text: string) => unknown,
): unknown {
  if (!isUtf8(value)) throw notJson(`${place} is not valid UTF-8`);
  return parsed(value.toString(), `${place}: `, parse);
}

function parsed(text: string, place = '', parse: (text: string) => unknown = JSON.parse): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw notJson(`${place}${(error as Error).message}`);
  }
}

function membersTooLarge(array: string | null): BatchwrightError {
  return new BatchwrightError('bodyTooLarge', {
    message: `The members beside ${array} have more than ${MEMBERS_BYTES} bytes`,
  });
}

function notJson(reason: string): BatchwrightError {
  return new BatchwrightError('badRequest', { message: `The body is not valid JSON: ${reason}` });
}

const noHint = () => '';
