/** The file, or standard input, that a command reads. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CommandError, EXIT } from '../exit.ts';

export const STANDARD_INPUT = '-';

/** The input as it is called in messages. */
export function nameOf(file: string): string {
  return file === STANDARD_INPUT ? 'standard input' : file;
}

/** Throws CommandError, also while it is read, when the file cannot be read. */
export async function* bytesOf(stdin: Readable, file: string): AsyncGenerator<Buffer> {
  try {
    for await (const piece of await openInput(stdin, file)) yield piece as Buffer;
  } catch (error) {
    const { message, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new CommandError(EXIT.error, `${nameOf(file)} cannot be read: ${message}`, { cause: error });
  }
}

async function openInput(stdin: Readable, file: string): Promise<Readable> {
  if (file === STANDARD_INPUT) return stdin;
  const handle = await open(file);
  return createReadStream('', { fd: handle });
}

/** The whole text, without a byte-order mark. Throws CommandError when it is too long for one text, or not UTF-8. */
export async function textOf(stdin: Readable, file: string): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of bytesOf(stdin, file)) {
    length += piece.length;
    if (length > MAX_TEXT_BYTES)
      throw new CommandError(
        EXIT.error,
        `${nameOf(file)} is too large for one JSON text: use one job per line (ndjson)`,
      );
    pieces.push(piece);
  }
  return decoded(Buffer.concat(pieces), nameOf(file));
}

/** Half of what a string may have in Node, so that there is room for what is added. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

/** @param place the name of the text in the error */
export function decoded(bytes: Buffer, place: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CommandError(EXIT.error, `${place} is not valid UTF-8`);
  }
}
