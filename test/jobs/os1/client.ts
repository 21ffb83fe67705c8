/** A client of OS1's routes, for tests. */
import { batchEnded } from '../../../src/telemetry/events.ts';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY, type Answer, type System } from '../../support/system.ts';
import { waitFor } from '../../support/wait.ts';

const HEADERS = {
  authorization: '',
  'x-coreos-access': ADMIN_KEY,
  'x-coreos-tid': 'default',
  'x-coreos-request-id': 'request 1',
};
const PREFIX = '/core/api/v2/participants';

export interface Status {
  id: string;
  status: string;
  successCount: number;
  failureCount: number;
  totalCount: number;
  successDetails: { uniqueCode: string; id: string }[];
  failureDetails: Json[];
}

type File = string | Uint8Array<ArrayBuffer>;

export function os1Client(system: System, headers: Record<string, string> = HEADERS) {
  const send = (
    method: string,
    path: string,
    body?: RequestInit['body'],
    more: Record<string, string> = {},
  ) =>
    system.request(`${PREFIX}${path}`, {
      method,
      headers: { ...headers, ...more },
      ...(body == null ? {} : { body }),
    });

  const sendJson = (method: string, types: string, payload: unknown, more: object = {}) =>
    send(method, `/${types}/batch`, JSON.stringify({ payload, ...more }));

  function sendCsv(method: string, types: string, file: File, fields: Record<string, string> = {}) {
    const form = new FormData();
    form.append('file', new Blob([file]), 'participants.csv');
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    return send(method, `/${types}/batch/upload`, form);
  }

  async function status(types: string, batchId: string): Promise<Status> {
    const answer = await send('GET', `/${types}/batch/${batchId}`);
    if (answer.status !== 200)
      throw new Error(`the status is ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body.data;
  }

  /** The status when the batch has ended. */
  const ended = (types: string, batchId: string) =>
    waitFor(
      async () => {
        const found = await status(types, batchId);
        return found.status !== 'in progress' && found;
      },
      { what: `the end of batch ${batchId}`, timeoutMs: 60_000, after: batchEnded },
    );

  async function endOf(types: string, answer: Promise<Answer>): Promise<Status> {
    const { status: code, body } = await answer;
    if (code !== 202) throw new Error(`answered ${code}: ${JSON.stringify(body)}`);
    return ended(types, body.data.batchId);
  }

  return {
    send,
    sendJson,
    sendCsv,
    status,
    ended,
    create: (types: string, payload: unknown) => endOf(types, sendJson('POST', types, payload)),
    update: (types: string, payload: unknown, method = 'PATCH') =>
      endOf(types, sendJson(method, types, payload)),
    upload: (types: string, file: File, method = 'POST') => endOf(types, sendCsv(method, types, file)),
  };
}

/** What one of the actions that read participants returns. */
export async function read(system: System, action: string, params: object): Promise<Json> {
  const answer = await system.request(`/api/1.0/os1?action=${action}`, {
    method: 'POST',
    body: JSON.stringify(params),
  });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return answer.body;
}
