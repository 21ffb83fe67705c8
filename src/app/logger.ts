import pino, { type DestinationStream, type Logger, type LoggerOptions } from 'pino';
import type { Config } from '../config/config.ts';

/** Lines that a full disk does not accept wait in memory up to this size; further lines are lost. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * The log of this process: JSON lines on standard output, or readable lines on a terminal. When output fails,
 * because the terminal was closed, the reader of the pipe ended or the disk is full, the process continues
 * without a log.
 *
 * @param fieldsOfLine further fields of each line, read when it is written
 */
export async function createLogger(
  { logLevel }: Pick<Config, 'logLevel'>,
  fieldsOfLine?: () => object,
): Promise<Logger> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const options = optionsFor(logLevel, fieldsOfLine);
  return pino(options, process.stdout.isTTY ? await linesForPeople() : jsonLines());
}

/**
 * JSON lines on standard output, whatever it is.
 *
 * @param fieldsOfLine as in `createLogger`
 */
export function createJsonLogger(
  { logLevel }: Pick<Config, 'logLevel'>,
  fieldsOfLine?: () => object,
): Logger {
  return pino(optionsFor(logLevel, fieldsOfLine), jsonLines());
}

function optionsFor(level: Config['logLevel'], fieldsOfLine?: () => object): LoggerOptions {
  return {
    level,
    base: { pid: process.pid },
    serializers: { err: readable },
    ...(fieldsOfLine && { mixin: fieldsOfLine }),
  };
}

function jsonLines(): DestinationStream {
  const destination = pino.destination({ fd: 1, sync: true, maxLength: MAX_WAITING_BYTES });
  destination.on('error', () => {});
  return destination;
}

/** Loaded only when it is used. */
async function linesForPeople(): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({ ignore: 'pid', translateTime: 'HH:MM:ss' });
  return { write: (line) => void process.stdout.write(format(line)) };
}

/**
 * An error as the log shows it. Never throws: plugins may throw frozen errors, or errors whose properties
 * throw when they are read.
 */
function readable(error: unknown): unknown {
  try {
    const shown = pino.stdSerializers.err(error as Error);
    JSON.stringify(shown);
    return shown;
  } catch {
    return { type: typeof error, message: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.message}` : String(error);
  } catch {
    return 'an error that cannot be read';
  }
}
