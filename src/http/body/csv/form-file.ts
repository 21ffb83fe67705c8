/** The file of a form, `multipart/form-data`, while it arrives. */
import { Readable } from 'node:stream';
import type { BusboyConfig, BusboyFileStream, BusboyHeaders } from '@fastify/busboy';
import { BatchwrightError } from '../../../contract/errors.ts';

const FIELD = 'file';
const LIMITS = { fields: 10, fieldSize: 64 * 1024, files: 1, parts: 20 };

/**
 * The bytes of the form's file. Reading them to the end has read the whole form.
 *
 * @throws BatchwrightError `invalidRequest` for a wrong form
 */
export async function* formFile(body: AsyncIterable<Buffer>, contentType: string): AsyncGenerator<Buffer> {
  // Loaded for the first form.
  const { Busboy } = await import('@fastify/busboy');
  const form = new Form(open(Busboy, contentType));
  const source = Readable.from(body);
  source.on('error', (error) => form.fail(error)).pipe(form.busboy);
  try {
    const file = await form.file;
    if (!file) throw wrongForm(`it has no file: the CSV file must be in the field "${FIELD}"`);
    yield* file;
    await form.ended;
  } catch (error) {
    throw form.failure ?? error;
  } finally {
    source.destroy();
  }
}

type Busboy = InstanceType<typeof import('@fastify/busboy').Busboy>;

class Form {
  readonly busboy: Busboy;
  /** Null for a form without one. */
  readonly file: Promise<BusboyFileStream | null>;
  readonly ended: Promise<void>;
  /** Why the form could not be read to its end. */
  failure: Error | undefined;
  readonly #fail: (error: Error) => void;

  constructor(busboy: Busboy) {
    this.busboy = busboy;
    const found = Promise.withResolvers<BusboyFileStream | null>();
    const ended = Promise.withResolvers<void>();
    // Awaited by the reader, who may have stopped before.
    for (const { promise } of [found, ended]) promise.catch(() => {});
    this.file = found.promise;
    this.ended = ended.promise;
    let file: BusboyFileStream | undefined;
    this.#fail = (error) => {
      found.reject(error);
      ended.reject(error);
      file?.destroy(error);
    };
    busboy.on('file', (name, stream) => {
      stream.on('error', (error) => this.fail(wrongForm(error.message)));
      if (name === FIELD) {
        file = stream;
        return found.resolve(stream);
      }
      stream.resume();
      const shown = JSON.stringify(String(name).slice(0, 100));
      this.fail(
        wrongForm(`it has a file in the field ${shown}: the CSV file must be in the field "${FIELD}"`),
      );
    });
    busboy.on('field', (name) => {
      const shown = JSON.stringify(String(name).slice(0, 100));
      this.fail(wrongForm(`it has the field ${shown}: all but the file goes into the query of the address`));
    });
    busboy.on('filesLimit', () => this.fail(wrongForm('it has more than one file')));
    busboy.on('partsLimit', () => this.fail(wrongForm('it has too many parts')));
    busboy.on('error', (error) => this.fail(wrongForm((error as Error).message)));
    busboy.on('finish', () => {
      found.resolve(null);
      ended.resolve();
    });
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.#fail(this.failure);
  }
}

function open(Busboy: new (options: BusboyConfig) => Busboy, contentType: string): Busboy {
  try {
    return new Busboy({ headers: { 'content-type': contentType } as BusboyHeaders, limits: LIMITS });
  } catch (error) {
    throw wrongForm((error as Error).message);
  }
}

function wrongForm(problem: string): BatchwrightError {
  return new BatchwrightError('invalidRequest', { message: `The form cannot be read: ${problem}` });
}
