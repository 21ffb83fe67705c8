/** Content-MD5 of signed requests: the signature covers the headers, and through this header the body. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BatchwrightError } from '../../contract/errors.ts';

export interface Md5Check {
  /** Takes the next bytes of the body as they were sent, before decompression. */
  update(bytes: Buffer): void;
  /** Throws `unauthorized` when the bytes do not match Content-MD5. */
  end(): void;
}

/** The MD5, in hex, that the body of each signed request must have. */
const required = new WeakMap<IncomingMessage, string>();

/** Requires readers of the body to check it. Throws `unauthorized` for a body without Content-MD5. */
export function requireContentMd5(request: IncomingMessage): void {
  const { headers } = request;
  const md5 = String(headers['content-md5'] ?? '');
  if (md5 !== '') required.set(request, md5.toLowerCase());
  else if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
    throw new BatchwrightError('unauthorized', {
      message: 'Content-MD5 is missing: a signed request with a body needs it',
    });
}

/** Null when the request's body needs no check. */
export function md5CheckOf(request: IncomingMessage): Md5Check | null {
  const md5 = required.get(request);
  if (md5 === undefined) return null;
  const hash = createHash('md5');
  return {
    update: (bytes) => hash.update(bytes),
    end() {
      if (hash.digest('hex') === md5) return;
      throw new BatchwrightError('unauthorized', {
        message: 'Content-MD5 is not the MD5 of the body in hex',
      });
    },
  };
}
