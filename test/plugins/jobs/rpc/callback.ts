import { defineCallback } from 'batchwright/plugin';

export default defineCallback({
  async *body({ asyncId, state, counts }, results) {
    // Read here and once more below.
    let read = 0;
    for await (const { index } of results) read = index + 1;
    yield JSON.stringify({ batch: asyncId, state, failed: counts.failed, read });
    for await (const { index, response } of results) {
      if (JSON.stringify(response) === '{"n":-1}') throw new Error('not this number');
      yield `\n${index} ${JSON.stringify(response)}`;
    }
  },
});
