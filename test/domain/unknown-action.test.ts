import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noSuchAction, UnknownActions } from '../../src/domain/unknown-action.ts';

const names = ['event.addParticipant', 'event.pay', 'contacts.store', 'contacts.storeMultiple'];

for (const [name, question] of [
  ['event.addParticipants', ': did you mean event.addParticipant?'],
  ['events.pay', ': did you mean event.pay?'],
  ['contacts.storemultiple', ': did you mean contacts.storeMultiple?'],
  ['Contacts.store', ': did you mean contacts.store?'],
  ['event.pal', ': did you mean event.pay?'],
  ['event.zzz', ''],
  ['nothing.at all', ''],
  ['', ''],
] as const)
  test(`the error for the action "${name}" ${question ? 'names the nearest one' : 'names no other one'}`, () =>
    assert.equal(noSuchAction(name, names), `There is no action ${name}${question}`));

test('the wrong names of a request are compared with all actions up to a number, and each once', () => {
  let asked = 0;
  const unknown = new UnknownActions(() => {
    asked++;
    return names;
  });
  const wrong = Array.from({ length: 1_000 }, (_, n) => `event.pay${n % 500}`);
  const texts = wrong.map((name) => unknown.textOf(name));
  assert.equal(asked, 100);
  assert.equal(texts[0], 'there is no action event.pay0: did you mean event.pay?');
  assert.equal(texts[500], texts[0]);
  assert.equal(texts[100], 'there is no action event.pay100');
});
