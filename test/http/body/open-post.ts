import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { ADMIN_KEY, type Answer } from '../../support/system.ts';

export interface OpenPost {
  request: http.ClientRequest;
  answer: Promise<{ status: number; headers: http.IncomingHttpHeaders; body: Answer['body'] }>;
}

/** A POST on its own connection whose body the test sends, piece by piece, and ends or cuts off. */
export function openPost(url: string, headers: Record<string, string> = {}): OpenPost {
  const request = http.request(url, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers },
  });
  const answer = answerOf(request);
  answer.catch(() => {}); // seen by the test that awaits it; a test that cuts the connection does not
  request.on('error', () => {}); // a refusal may come before all of the body is sent
  return { request, answer };
}

async function answerOf(request: http.ClientRequest): Promise<Awaited<OpenPost['answer']>> {
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await json(response) };
}
