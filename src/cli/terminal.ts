/** What a command has of its process. */
import type { Readable, Writable } from 'node:stream';

type Output = Writable & Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>>;

/** Streams and environment of a command: `process` has them, and a test may give others. */
export interface Terminal {
  stdin: Readable;
  stdout: Output;
  stderr: Output;
  env: NodeJS.ProcessEnv;
}
