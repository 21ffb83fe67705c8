import { defineCallback } from 'batchwright/plugin';

export default defineCallback({
  async *body({ asyncId, state, counts }, results) {
    yield JSON.stringify({ batch: asyncId, state, failed: counts.failed });
    for await (const { index, response } of results) {
      if (JSON.stringify(response) === '{"n":-1}') throw new Error('not this number');
      yield `\n${index} ${JSON.stringify(response)}`;
    }
  },
});
