import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GroupCommit } from '../../src/domain/group-commit.ts';

/** Commits that the test ends: it sees the start of each group and decides its result. */
function groups(options: { maxEntries?: number; maxBytes?: number } = {}) {
  const begun: { entries: readonly string[]; end(answer?: Error): void }[] = [];
  const commits = new GroupCommit<string, string>({
    maxEntries: 64,
    maxBytes: 1000,
    ...options,
    isShared: (error) => error === AWAY,
    commit(entries) {
      const { promise, resolve, reject } = Promise.withResolvers<PromiseSettledResult<string>[]>();
      begun.push({
        entries,
        end: (error) => (error ? reject(error) : resolve(entries.map(answerFor))),
      });
      return promise;
    },
  });
  return { commits, begun };
}

const AWAY = new Error('the database is away');

function answerFor(entry: string): PromiseSettledResult<string> {
  if (entry.startsWith('bad')) return { status: 'rejected', reason: new Error(entry) };
  return { status: 'fulfilled', value: `${entry} done` };
}

const texts = (answers: PromiseSettledResult<string>[]) =>
  answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : answer.reason.message));

/** All work in the process has continued as far as it can. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('commits in groups', () => {
  test('a single entry is committed at once, and a later one concurrently', async () => {
    const { commits, begun } = groups();
    const first = commits.add('a', 1);
    await settled();
    const second = commits.add('b', 1);
    await settled();
    assert.deepEqual(
      begun.map(({ entries }) => entries),
      [['a'], ['b']],
    );
    begun[1]?.end();
    assert.equal(await second, 'b done');
    begun[0]?.end();
    assert.equal(await first, 'a done');
  });

  test('entries that arrive together, or while two groups are committed, form one group', async () => {
    const { commits, begun } = groups();
    const added: Promise<string>[] = [];
    for (const turn of [['a', 'b'], ['c'], ['d'], ['e', 'f']]) {
      added.push(...turn.map((entry) => commits.add(entry, 1)));
      await settled();
    }
    begun[0]?.end();
    await settled();
    for (const group of begun.slice(1)) group.end();
    assert.deepEqual(
      begun.map(({ entries }) => entries),
      [['a', 'b'], ['c'], ['d', 'e', 'f']],
    );
    assert.deepEqual((await Promise.all(added)).length, 6);
  });

  test('a group is limited in entries and bytes, and a larger entry is a group of its own', async () => {
    const { commits, begun } = groups({ maxEntries: 2, maxBytes: 10 });
    const sizes = [1, 1, 4, 4, 4, 8, 8, 99, 1];
    const added = sizes.map((bytes, n) => commits.add(`${n}`, bytes));
    await settled();
    for (let group = 0; group < begun.length; group++) {
      begun[group]?.end();
      await settled();
    }
    assert.deepEqual(
      begun.map(({ entries }) => entries),
      [['0', '1'], ['2', '3'], ['4'], ['5'], ['6'], ['7'], ['8']],
    );
    await Promise.all(added);
  });

  test('the error of one entry is thrown to its caller only', async () => {
    const { commits, begun } = groups();
    const answers = Promise.allSettled(['a', 'bad b', 'c'].map((entry) => commits.add(entry, 1)));
    await settled();
    begun[0]?.end();
    assert.deepEqual(texts(await answers), ['a done', 'bad b', 'c done']);
  });

  test('when a group fails, each of its entries is tried alone, and none waits for another', async () => {
    const { commits, begun } = groups();
    const answers = Promise.allSettled(['a', 'b', 'c'].map((entry) => commits.add(entry, 1)));
    await settled();
    begun[0]?.end(new Error('one of them is refused'));
    await settled();
    assert.deepEqual(
      begun.map(({ entries }) => entries),
      [['a', 'b', 'c'], ['a'], ['b'], ['c']],
    );
    begun[3]?.end();
    begun[2]?.end(new Error('b is refused'));
    begun[1]?.end();
    assert.deepEqual(texts(await answers), ['a done', 'b is refused', 'c done']);
  });

  test('after a shared failure no entry is tried again, but later entries are', async () => {
    const { commits, begun } = groups();
    const answers = Promise.allSettled(['a', 'b'].map((entry) => commits.add(entry, 1)));
    await settled();
    begun[0]?.end(AWAY);
    assert.deepEqual(texts(await answers), ['the database is away', 'the database is away']);
    const later = commits.add('c', 1);
    await settled();
    begun[1]?.end();
    assert.equal(await later, 'c done');
    assert.equal(begun.length, 2);
  });
});
