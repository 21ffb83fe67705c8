import { once } from 'node:events';
import http from 'node:http';
import type { Json } from '../../support/json.ts';
import { ADMIN_KEY } from '../../support/system.ts';

export interface ReceivedEvent {
  id: string | undefined;
  name: string | undefined;
  data: Json;
  /** By `performance.now()`. */
  at: number;
}

export interface EventClient {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** So far. */
  events: ReceivedEvent[];
  /** Resolves to true when the server has ended the stream, to false when it was cut. */
  ended: Promise<boolean>;
  close(): void;
}

/** Listens to server-sent events on its own connection, starting when the answer's headers have arrived. */
export async function openEvents(url: string, headers: Record<string, string> = {}): Promise<EventClient> {
  const request = http.get(url, {
    agent: false,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, accept: 'text/event-stream', ...headers },
  });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const events: ReceivedEvent[] = [];
  let text = '';
  response.setEncoding('utf8').on('data', (part: string) => {
    const blocks = (text + part).split('\n\n');
    text = blocks.pop() ?? '';
    events.push(...blocks.map(eventOf).filter((event) => event !== null));
  });
  const ended = new Promise<boolean>((resolve) => {
    response.on('error', () => {}).once('close', () => resolve(response.complete));
  });
  const { statusCode: status = 0 } = response;
  return { status, headers: response.headers, events, ended, close: () => request.destroy() };
}

/** Null for a block of comments. */
function eventOf(block: string): ReceivedEvent | null {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    const before = name === 'data' ? fields.get(name) : undefined;
    if (name !== '') fields.set(name, before === undefined ? value : `${before}\n${value}`);
  }
  const data = fields.get('data');
  if (data === undefined) return null;
  return { id: fields.get('id'), name: fields.get('event'), data: JSON.parse(data), at: performance.now() };
}
