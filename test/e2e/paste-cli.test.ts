/** Pastes the blocks of docs/cli.md into bash, as printed. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readBlock } from '../docs/pages.ts';
import { freePort, startPasting } from './pasting.ts';

const PAGE = 'docs/cli.md';

suite(PAGE, { timeout: 240_000 }, () => {
  test('the blocks of docs/cli.md do what the page says', async (t) => {
    const { paste } = await startPasting(t);
    const block = (heading: string) => readBlock(PAGE, heading, 'sh');

    const sent = await paste(await block('Sending a batch'));
    assert.match(sent, /^jobs +2: 2 succeeded$/m);
    assert.match(sent, /^0 .*contact\.addOrUpdateContact +succeeded/m);

    const followed = await paste(await block('Following a batch'));
    assert.match(followed, /^exit code 3$/m);
    assert.match(followed, /^\{"index":0,.*"errorCode":404/m);
    assert.match(followed, /^asyncId +state/m);

    const received = await paste(await block('Receiving callbacks'), `http://127.0.0.1:${await freePort()}`);
    assert.match(received, /^\{"asyncId":"[0-9a-f]{32}".*"state":"completed"/m);

    const keys = await paste(await block('Keys, secrets and callbacks'));
    assert.match(keys, /^key +bw_/m);
    assert.match(keys, /^secret +whsec_/m);

    assert.match(keys, /^error +connection refused/m);
    assert.match(keys, /^exit code 1$/m);

    const healthy = await paste(await block('When something is wrong'));
    assert.match(healthy, /^ok +queue +1 worker processes/m);
    assert.match(healthy, /^ok +callbacks +http:\/\/127\.0\.0\.1:4000\/ended may be called$/m);
    assert.doesNotMatch(healthy, /^wrong/m);

    await paste(`${await block('Completion')}\ncomplete -p batchwright`);
  });
});
