/** Lines of an answer that arrives in pieces. */
import type { OpenAnswer } from './transport.ts';

/** The complete lines, without their line ends. The answer's end must end its last line. */
export async function* linesOf({
  response,
  touch,
}: Pick<OpenAnswer, 'response' | 'touch'>): AsyncGenerator<string> {
  let rest: string[] = [];
  for await (const text of textOf(response, touch)) {
    const parts = text.split('\n');
    const last = parts.pop() ?? '';
    const [first, ...others] = parts;
    if (first === undefined) {
      rest.push(last);
      continue;
    }
    yield withoutReturn(rest.join('') + first);
    for (const line of others) yield withoutReturn(line);
    rest = [last];
  }
  if (rest.some((text) => text !== '')) throw new Error('the answer ended within a line');
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

async function* textOf({ body }: Response, touch: () => void): AsyncGenerator<string> {
  // Not an async iterable in every browser.
  const reader = body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      touch();
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    reader.cancel().catch(() => {});
  }
  yield decoder.decode();
}
