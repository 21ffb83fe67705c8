/** The storage format of a chunk's jobs: one byte for the format, then the JSON text of the array of jobs. */
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

/** Uncompressed text. */
const PLAIN = 0;
/** https://www.rfc-editor.org/rfc/rfc8878 */
const ZSTD = 1;

/** A smaller text is stored in the table row itself and is not worth compressing. */
const MIN_COMPRESSED_BYTES = 4096;
/** The fastest level: 100,000 small jobs of 10 MB take 100 ms and shrink to 2.9 MB. */
const LEVEL = 1;

const OPENING_BRACKET = Buffer.from('[');
const COMMA = Buffer.from(',');
const CLOSING_BRACKET = Buffer.from(']');

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** @param jobs the JSON text of each job, as it was sent */
export function encodeJobs(jobs: readonly Buffer[]): Promise<Buffer> {
  return encodeText([
    OPENING_BRACKET,
    ...jobs.flatMap((job, at) => (at === 0 ? [job] : [COMMA, job])),
    CLOSING_BRACKET,
  ]);
}

/** @param parts of the text, one after another */
export async function encodeText(parts: readonly Buffer[]): Promise<Buffer> {
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  if (bytes < MIN_COMPRESSED_BYTES) return Buffer.concat([Buffer.of(PLAIN), ...parts]);
  const compressed = await compress(Buffer.concat(parts), {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  });
  return Buffer.concat([Buffer.of(ZSTD), compressed]);
}

/** A chunk's jobs as they are stored; the previous release stored them as text. */
export interface StoredBody {
  body: Buffer | null;
  text: string | null;
}

/** The JSON text of the array of jobs. Throws for an unknown format, which a later release may have. */
export async function decodeJobs({ body, text }: StoredBody): Promise<string> {
  return body ? decodeText(body) : (text ?? '[]');
}

/** What `encodeText` encoded. Throws as `decodeJobs` does. */
export async function decodeText(body: Buffer): Promise<string> {
  const [format] = body;
  const content = body.subarray(1);
  if (format === PLAIN) return content.toString();
  if (format === ZSTD) return (await decompress(content)).toString();
  throw new Error(`Jobs are stored in a format that this release does not know: ${format}`);
}
