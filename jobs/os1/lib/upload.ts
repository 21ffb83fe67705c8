/** Reads a form with one CSV file, `multipart/form-data`, while it arrives. */
import type { Busboy, BusboyFileStream, BusboyHeaders, BusboyInstance } from '@fastify/busboy';
import { NonRetryableError } from 'batchwright/plugin';
import type { Request } from 'express';
import { badRequest } from './callback-url.ts';
import { shown } from './item-error.ts';

const FILE = 'file';
const MULTIPART = /^multipart\/form-data\s*(;|$)/i;
const LIMITS = { fields: 10, fieldSize: 64 * 1024, files: 10, parts: 20 };

export interface Upload {
  /** The bytes of the file. Reading them to the end has read the whole form; it throws 400 for a wrong form, and 413. */
  file: AsyncIterable<Buffer>;
  /** The form's other fields that have arrived. */
  fields: ReadonlyMap<string, string>;
}

/** Throws 415 for a request without a form, and 400 for one that is wrong from the start. */
export async function readUpload(request: Request): Promise<Upload> {
  // Loaded for the first form.
  const { Busboy: Form } = await import('@fastify/busboy');
  const busboy = openForm(Form, request);
  const fields = new Map<string, string>();
  const found = Promise.withResolvers<BusboyFileStream | null>();
  const ended = Promise.withResolvers<void>();
  // Awaited by the reader; it may have stopped before.
  for (const { promise } of [found, ended]) promise.catch(() => {});
  let file: BusboyFileStream | undefined;
  let failure: Error | undefined;

  const fail = (error: Error) => {
    failure ??= error;
    request.unpipe(busboy);
    found.reject(error);
    ended.reject(error);
    file?.destroy(error);
  };
  busboy.on('file', (name, stream) => {
    stream.on('error', (error) => fail(unreadable(error)));
    if (name === FILE && !file) {
      file = stream;
      return found.resolve(stream);
    }
    stream.resume();
    fail(
      badRequest(
        name === FILE
          ? 'The form has more than one file'
          : `The form has a file in the field "${shown(String(name))}": the CSV file must be in the field "file"`,
      ),
    );
  });
  busboy.on('field', (name, value, _isNameCut, isCut) => {
    if (isCut) fail(badRequest(`The field "${shown(String(name))}" of the form is too long`));
    if (fields.has(String(name)))
      fail(badRequest(`The field "${shown(String(name))}" is there twice in the form`));
    fields.set(String(name), value);
  });
  for (const event of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const)
    busboy.on(event, () => fail(badRequest('The form has too many fields')));
  busboy.on('finish', () => {
    found.resolve(null);
    ended.resolve();
  });
  busboy.on('error', (error) => fail(unreadable(error)));
  request.on('error', fail);
  request.on('close', () => {
    if (!request.complete) fail(badRequest('The connection was cut'));
  });
  request.pipe(busboy);
  return { fields, file: bytesOf() };

  async function* bytesOf(): AsyncGenerator<Buffer> {
    try {
      const stream = await found.promise;
      if (!stream) throw badRequest('The form has no file: the CSV file must be in the field "file"');
      yield* stream;
      await ended.promise;
    } catch (error) {
      throw failure ?? error;
    } finally {
      request.unpipe(busboy);
    }
  }
}

function unreadable(error: unknown): Error {
  return badRequest(`The form cannot be read: ${(error as Error).message}`);
}

function openForm(Form: typeof Busboy, { headers }: Request): BusboyInstance {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers;
  if (!MULTIPART.test(type))
    throw new NonRetryableError('Send a form (multipart/form-data) with the CSV file in the field "file"', {
      errorCode: 415,
    });
  if (encoding.toLowerCase() !== 'identity')
    throw new NonRetryableError('A form must not have a Content-Encoding', { errorCode: 415 });
  try {
    return new Form({ headers: headers as BusboyHeaders, limits: LIMITS });
  } catch (error) {
    throw unreadable(error);
  }
}
