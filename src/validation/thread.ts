/**
 * The worker thread that parses and checks large jobs, so that a job of 20 MiB does not block the API's event
 * loop. It answers one message after another.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { ValidateFunction } from 'ajv';
import { UnknownActions } from '../domain/unknown-action.ts';
import { checkJob, isProblem } from './check-job.ts';
import { createCompiler } from './check-params.ts';
import type { LargeJobAnswer, LargeJobRequest } from './large-jobs.ts';

const schemas: Map<string, object> = workerData.schemas;
const compile = createCompiler();
const compiled = new Map<string, ValidateFunction>();

parentPort?.on('message', ({ id, bytes }: LargeJobRequest) => {
  const reply: LargeJobAnswer = { id, bytes, ...answer(bytes) };
  parentPort?.postMessage(reply, [bytes.buffer as ArrayBuffer]);
});

function answer(bytes: Uint8Array): Omit<LargeJobAnswer, 'id' | 'bytes'> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  let job: unknown;
  try {
    job = JSON.parse(text);
  } catch (error) {
    return { syntaxError: (error as Error).message };
  }
  const unknown = new UnknownActions(() => [...schemas.keys()]);
  const checked = checkJob({ get: findAction, unknown }, job, text);
  if (isProblem(checked)) return { problem: checked };
  const { id, entry, plan } = checked;
  return { valid: { id, namespace: entry.namespace, action: entry.action, plan } };
}

function findAction(
  namespace: string,
  action: string,
): { namespace: string; action: string; validate: ValidateFunction } | undefined {
  const name = `${namespace}.${action}`;
  const schema = schemas.get(name);
  if (!schema) return undefined;
  const validate = compiled.get(name) ?? compile(schema);
  compiled.set(name, validate);
  return { namespace, action, validate };
}
