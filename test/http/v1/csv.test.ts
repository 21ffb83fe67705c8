/** `POST /v1/batches` with a CSV file, and dry runs of every form. */
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { storedJobsText } from '../../support/stored-jobs.ts';
import { type Answer, startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';
import { assertProblem, echo, echoes, postBatch, postLines, strangerOf, toLines } from './support.ts';

const MAX_NDJSON_JOBS = 3_000;
const system = await startSystem(
  { after },
  {
    worker: false,
    env: { MAX_NDJSON_JOBS: String(MAX_NDJSON_JOBS), MAX_JOBS_PER_BATCH: '1500', RATE_LIMIT: '0' },
  },
);
const { pool } = system;

const PAY = 'set.pay.by=card&set.pay.card=4242';

function post(
  query: string,
  body: string | Uint8Array | FormData,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const type = body instanceof FormData ? {} : { 'content-type': 'text/csv' };
  return system.request(`/v1/batches?${query}`, {
    method: 'POST',
    headers: { ...type, ...headers },
    body: body instanceof Uint8Array ? Uint8Array.from(body) : body,
  });
}

/** The params of the stored jobs, as the text that is stored. */
async function paramsOf({ status, body }: Answer): Promise<string[]> {
  assert.equal(status, 202, JSON.stringify(body));
  const texts = await storedJobsText(pool, body.asyncId);
  const begin = '{"namespace":"test","action":"shapes","params":';
  return texts
    .flatMap((text) => text.slice(1, -1).split(`,${begin}`))
    .map((text) => text.replace(begin, '').slice(0, -1));
}

async function assertRefused(answer: Promise<Answer>, messages: string[]): Promise<void> {
  const before = await storedRows(pool);
  const problem = assertProblem(await answer, 400);
  assert.deepEqual(problem.errors ?? [problem.detail], messages);
  assert.deepEqual(await storedRows(pool), before);
}

suite('a CSV file as a batch', () => {
  test('each row is a job of the action, and its cells are what the schema asks for', async () => {
    const file = [
      '\ufeffevent,title,weight,isOpen,note,address.city,address.zip,tags.0,tags.1',
      '1,007,0.12345678901234567890,true,,Bern,3000,ab,cd',
      '2,"a ""quoted"", long',
      'title",,FALSE,x,,,,ef',
      '',
    ].join('\r\n');
    assert.deepEqual(await paramsOf(await post(`action=test.shapes&${PAY}`, file)), [
      '{"event":1,"title":"007","weight":0.12345678901234567890,"isOpen":true,"note":null,"address":{"city":"Bern","zip":3000},"tags":["ab","cd"],"pay":{"by":"card","card":"4242"}}',
      '{"event":2,"title":"a \\"quoted\\", long\\r\\ntitle","isOpen":false,"note":"x","tags":["ef"],"pay":{"by":"card","card":"4242"}}',
    ]);
  });

  test('map. renames columns and leaves those out that it gives no name', async () => {
    const query = `action=test.shapes&map.Nr=event&map.${encodeURIComponent('First Title')}=title&map.Internal=&${PAY}`;
    assert.deepEqual(await paramsOf(await post(query, 'Nr,First Title,Internal\n1,A,secret\n')), [
      '{"event":1,"title":"A","pay":{"by":"card","card":"4242"}}',
    ]);
  });

  for (const [name, query, delimiter] of [
    ['a semicolon is found out', '', ';'],
    ['a tab is found out', '', '\t'],
    ['a tab can be named', '&delimiter=tab', '\t'],
    ['a semicolon can be named', '&delimiter=%3B', ';'],
  ] as const)
    test(`${name} as delimiter`, async () => {
      const file = `event${delimiter}title\n1${delimiter}"a, b, c"\n`;
      assert.deepEqual(await paramsOf(await post(`action=test.shapes&${PAY}${query}`, file)), [
        '{"event":1,"title":"a, b, c","pay":{"by":"card","card":"4242"}}',
      ]);
    });

  test('the file may be in a form, in another charset, and compressed', async () => {
    const form = new FormData();
    form.append('file', new Blob(['event,title\n1,A\n'], { type: 'text/csv' }), 'rows.csv');
    const forms = [
      await post(`action=test.shapes&${PAY}`, form),
      await post(`action=test.shapes&${PAY}`, Buffer.from('event,title\n1,A\n', 'utf16le'), {
        'content-type': 'text/csv; charset=utf-16le',
      }),
      await post(`action=test.shapes&${PAY}`, gzipSync('event,title\n1,A\n'), { 'content-encoding': 'gzip' }),
    ];
    for (const answer of forms)
      assert.deepEqual(await paramsOf(answer), ['{"event":1,"title":"A","pay":{"by":"card","card":"4242"}}']);
  });

  test('options and the callback are in the query, and the batch is stored once under its key', async () => {
    const query = `action=test.shapes&${PAY}&skipInvalid&name=people&callbackUrl=http://127.0.0.1:9/`;
    const send = (file: string) => post(query, file, { 'idempotency-key': 'csv-1' });
    const { status, body } = await send('event\n1\nx\n');
    assert.equal(status, 202);
    assert.deepEqual([body.name, body.counts.total, body.counts.failed], ['people', 2, 1]);
    assert.equal((await send('event\n1\nx\n')).body.asyncId, body.asyncId);
    assertProblem(await send('event\n1\ny\n'), 422);
  });

  test('rows beyond those of a JSON body are taken, up to those of a body of lines', async () => {
    const rows = (count: number) => `event\n${'1\n'.repeat(count)}`;
    const { status, body } = await post(`action=test.shapes&${PAY}`, rows(MAX_NDJSON_JOBS));
    assert.deepEqual([status, body.counts?.total], [202, MAX_NDJSON_JOBS], JSON.stringify(body));
    assertProblem(await post(`action=test.shapes&${PAY}`, rows(MAX_NDJSON_JOBS + 1)), 400, /3000/);
  });

  test('the answer to a large file that is refused early arrives, and the connection serves the next request', async () => {
    const file = Buffer.from(`event\n${'1\n'.repeat(10_000_000)}`);
    const form = new FormData();
    form.append('file', new Blob([file]), 'rows.csv');
    for (const body of [file, form])
      assertProblem(await post(`action=test.shapes&${PAY}`, body), 400, /3000/);
    assert.equal((await post(`action=test.shapes&${PAY}`, 'event\n1\n')).status, 202);
  });

  test('a key that may not run the action is refused', async () => {
    assertProblem(await post('action=test.echo', 'n\n1\n', await strangerOf(system, ['test.shapes'])), 403);
  });
});

suite('a CSV file that is refused names the place, and nothing is stored', () => {
  const SHAPES = `action=test.shapes&${PAY}`;
  const refused: [name: string, query: string, file: string | Uint8Array, messages: string[]][] = [
    [
      'wrong cells, by line',
      SHAPES,
      'event,title\n1,A\n\nx,B\n"3",\n4,"two\nlines"\n,C\n',
      ['line 4: params.event must be integer', 'line 8: params.event is required'],
    ],
    ['no action', PAY, 'event\n1\n', ['?action= is missing: it names the action whose params the rows are']],
    [
      'an unknown action',
      'action=test.shape',
      'event\n1\n',
      ['There is no action test.shape: did you mean test.shapes?'],
    ],
    [
      'an unknown name in the query',
      `${SHAPES}&delimeter=,`,
      'event\n1\n',
      ['?delimeter= is not known: did you mean delimiter?'],
    ],
    [
      'an unknown delimiter',
      `${SHAPES}&delimiter=x`,
      'event\n1\n',
      ['delimiter must be a comma, a semicolon (%3B) or a tab (%09, or the word tab)'],
    ],
    ['an empty file', SHAPES, '', ['The file has no row below its header']],
    ['a file with a header alone', SHAPES, 'event,title\n', ['The file has no row below its header']],
    [
      'two columns of one param',
      SHAPES,
      'event,pay.by\n1,card\n',
      ['The header does not name params: the columns pay.by and pay.by name the same place'],
    ],
    [
      'a renamed column that is not there',
      `${SHAPES}&map.Event=event`,
      'event\n1\n',
      ['?map.Event= names no column of the file'],
    ],
    [
      'a row with too many cells',
      SHAPES,
      'event,title\n1,A\n"2\n",B,C\n',
      ['line 3 has 3 cells, unlike the header'],
    ],
    [
      'a quote that is not closed',
      SHAPES,
      'event,title\n1,A\n2,"B\n3,C\n',
      ['line 3 begins a row with a quote that is not closed'],
    ],
    [
      'a quote within a cell',
      SHAPES,
      'event,title\n1,A "b"\n',
      [
        'line 2 begins a row with a quote within a cell: such a cell is quoted as a whole, and its quotes are doubled',
      ],
    ],
    [
      'bytes that are not UTF-8',
      SHAPES,
      Buffer.from('event,title\n1,\xff\n', 'latin1'),
      ['line 1 or a later one is not valid UTF-8'],
    ],
  ];
  for (const [name, query, file, messages] of refused)
    test(name, () => assertRefused(post(query, file), messages));

  test('a charset that does not exist', () =>
    assertRefused(post(SHAPES, 'event\n1\n', { 'content-type': 'text/csv; charset=none' }), [
      'The charset none of the Content-Type does not exist',
    ]));

  test('a form without a file, with other fields, or cut off', async () => {
    const withField = new FormData();
    withField.append('name', 'people');
    await assertRefused(post(SHAPES, withField), [
      'The form cannot be read: it has the field "name": all but the file goes into the query of the address',
    ]);
    const elsewhere = new FormData();
    elsewhere.append('csv', new Blob(['event\n1\n']), 'rows.csv');
    await assertRefused(post(SHAPES, elsewhere), [
      'The form cannot be read: it has a file in the field "csv": the CSV file must be in the field "file"',
    ]);
    await assertRefused(
      post(SHAPES, '--x\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\nevent\n1\n', {
        'content-type': 'multipart/form-data; boundary=x',
      }),
      ['The form cannot be read: Unexpected end of multipart data'],
    );
    await assertRefused(post(SHAPES, 'event\n1\n', { 'content-type': 'multipart/form-data' }), [
      'The form cannot be read: Multipart: Boundary not found',
    ]);
  });

  test('a JSON body has no action in the query', () =>
    assertRefused(
      system.request('/v1/batches?action=test.echo', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      }),
      [
        '?action= goes with a CSV file (text/csv or multipart/form-data); a JSON body names the action of each job',
      ],
    ));
});

suite('a dry run stores nothing and tells what storing would', () => {
  const rows = (count: number) => `event\n${'1\n'.repeat(count)}`;
  const dryRuns: [form: string, send: () => Promise<Answer>, total: number][] = [
    ['JSON', () => postBatch(system, { jobs: echoes(3) }, {}, '?dryRun=true'), 3],
    ['lines', () => postLines(system, toLines(echoes(2000)), { query: '?dryRun=true' }), 2000],
    ['CSV', () => post(`action=test.shapes&${PAY}&dryRun`, rows(2000)), 2000],
    [
      'run',
      () =>
        system.request('/batch?action=run&dryRun=true', {
          method: 'POST',
          body: JSON.stringify({ jobs: echoes(3) }),
        }),
      3,
    ],
  ];
  for (const [form, send, total] of dryRuns)
    test(`a valid batch as ${form}`, async () => {
      const before = await storedRows(pool);
      const { status, body } = await send();
      assert.deepEqual([status, body], [200, { valid: true, total, invalid: 0 }]);
      assert.deepEqual(await storedRows(pool), before);
    });

  test('invalid jobs are errors, or counted with skipInvalid', async () => {
    const wrong = toLines([echo(1), echo('x')]);
    const problem = assertProblem(await postLines(system, wrong, { query: '?dryRun' }), 400);
    assert.deepEqual(problem.errors, ['line 2: params.n must be integer']);
    const { body } = await postLines(system, wrong, { query: '?dryRun&skipInvalid' });
    assert.deepEqual(body, { valid: true, total: 2, invalid: 1 });
  });

  test('dryRun=false stores the batch, and another value is refused', async () => {
    assert.equal((await postBatch(system, { jobs: [echo(1)] }, {}, '?dryRun=false')).status, 202);
    assertProblem(
      await postBatch(system, { jobs: [echo(1)] }, {}, '?dryRun=yes'),
      400,
      /dryRun must be true or false/,
    );
  });
});
