import pino, { type Logger } from 'pino';
import type { Config } from '../config.ts';

/** The log of this process: JSON lines, on a terminal lines for people. */
export function createLogger({ logLevel }: Pick<Config, 'logLevel'>): Logger {
  const options = { level: logLevel, base: { pid: process.pid }, serializers: { err: readable } };
  if (!process.stdout.isTTY) return pino(options);
  return pino({
    ...options,
    transport: { target: 'pino-pretty', options: { ignore: 'pid', translateTime: 'HH:MM:ss' } },
  });
}

/**
 * What the log shows of an error. Never throws: plugins throw errors that are frozen, and whose properties throw
 * when they are read.
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
