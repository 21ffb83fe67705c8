/** OS1's CSV uploads: dialects of CSV, and what is wrong with them. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { storedRows } from '../../http/stored-rows.ts';
import { startReceiver } from '../../pipeline/deliver/deliver-receiver.ts';
import { startSystem } from '../../support/system.ts';
import { os1Client, read } from './client.ts';

const system = await startSystem({ after });
const os1 = os1Client(system);

/** The stored participants of a type, without the members that differ each time. */
async function stored(type: string) {
  const { participants } = await read(system, 'listParticipants', { type });
  return participants.map(({ uniqueCode, name, owner, properties }: Record<string, unknown>) => ({
    uniqueCode,
    name,
    owner,
    properties,
  }));
}

/** Uploads a file that is refused; nothing is stored. */
async function refused(file: string | Uint8Array<ArrayBuffer>, method = 'POST') {
  const rows = await storedRows(system.pool);
  const { status, body } = await os1.sendCsv(method, 'cars', file);
  assert.equal(status, 400);
  assert.deepEqual(await storedRows(system.pool), rows);
  return body.error.description;
}

test('the documented columns create cars', async () => {
  const file = 'uniqueCode,name,owner,properties.color\nQK6A-JI6S-7ETR,car1,worldlogistics,red\nB,,,\n';
  const answer = await os1.sendCsv('POST', 'cars', file);
  assert.equal(answer.status, 202);
  const { batchId } = answer.body.data;
  assert.deepEqual(answer.body, {
    data: { batchId },
    request: {
      uri: '/core/api/v2/participants/cars/batch/upload',
      method: 'POST',
      queryString: '',
      body: null,
    },
  });
  const { status, successDetails } = await os1.ended('cars', batchId);
  assert.equal(status, 'success');
  assert.deepEqual(
    successDetails.map(({ uniqueCode }) => uniqueCode),
    ['QK6A-JI6S-7ETR', 'B'],
  );
  assert.deepEqual(await stored('car'), [
    { uniqueCode: 'B', name: null, owner: null, properties: {} },
    { uniqueCode: 'QK6A-JI6S-7ETR', name: 'car1', owner: 'worldlogistics', properties: { color: 'red' } },
  ]);
});

// The limit is for a reader whose time grows with the square of the columns.
test('a file with 60,000 columns is read', { timeout: 100_000 }, async () => {
  const columns = Array.from({ length: 60_000 }, (_, number) => `properties.${number}`);
  const file = `uniqueCode,${columns.join()}\n${'short,1\n'.repeat(2000)}`;
  const { status } = await os1.sendCsv('POST', 'wides', file);
  assert.equal(status, 202);
});

for (const method of ['PATCH', 'PUT'])
  test(`the documented columns update cars by ${method}, and an empty cell changes nothing`, async () => {
    const types = `${method.toLowerCase()}cars`;
    const created = await os1.upload(types, 'uniqueCode,owner,properties.color\na,x,red\nb,y,red\n');
    const [a = '', b = ''] = created.successDetails.map(({ id }) => id);
    const { status } = await os1.upload(types, `id,owner,properties.color\n${a},,blue\n${b},z,\n`, method);
    assert.equal(status, 'success');
    assert.deepEqual(await stored(types.slice(0, -1)), [
      { uniqueCode: 'a', name: null, owner: 'x', properties: { color: 'blue' } },
      { uniqueCode: 'b', name: null, owner: 'z', properties: { color: 'red' } },
    ]);
  });

describe('dialects', () => {
  const NAME = 'a "quoted", semi;colon\r\nname ü';
  const rows = (delimiter: string, end: string) =>
    ['uniqueCode', 'name', 'properties.a.b', 'properties.__proto__'].join(delimiter) +
    end +
    ['1', `"${NAME.replaceAll('"', '""')}"`, '007', 'x'].join(delimiter) +
    end +
    end +
    ['2', 'plain', '" "', '"a\nb"'].join(delimiter);
  const files: Record<string, string | Uint8Array<ArrayBuffer>> = {
    commas: rows(',', '\n'),
    semicolons: rows(';', '\r\n'),
    tabs: rows('\t', '\r\n'),
    ends: `${rows(',', '\r')}\r`,
    boms: `\ufeff${rows(';', '\n')}\n`,
    headers: rows(',', '\n').replace('uniqueCode,name', '"uniqueCode", name '),
  };
  for (const [types, file] of Object.entries(files))
    test(`a file with ${types} is read, with quotes, line ends in quotes and empty lines`, async () => {
      const { status } = await os1.upload(types, file);
      assert.equal(status, 'success');
      const shown = await read(system, 'listParticipants', { type: types.replace(/s$/, '') });
      const [first, second] = shown.participants;
      assert.deepEqual([first.name, second.name], [NAME, 'plain']);
      assert.deepEqual(Object.entries(first.properties), [
        ['a.b', '007'],
        ['__proto__', 'x'],
      ]);
      assert.deepEqual(Object.entries(second.properties), [
        ['a.b', ' '],
        ['__proto__', 'a\nb'],
      ]);
    });
});

describe('wrong rows', () => {
  test('a wrong row is a failed item named by its line, and its neighbours are created', async () => {
    const { status, successDetails, failureDetails } = await os1.upload(
      'trains',
      'uniqueCode,name\r\na,"two\r\nlines"\r\n\r\nb\r\nc,x,y\r\n,nobody\r\na,again\r\nd,say "hi"\r\n',
    );
    assert.equal(status, 'partial success');
    assert.deepEqual(
      successDetails.map(({ uniqueCode }) => uniqueCode),
      ['a', 'd'],
    );
    assert.deepEqual(failureDetails, [
      {
        uniqueCode: 'b',
        line: 5,
        errors: [{ message: 'line 5 has 1 cells, and the first line has 2 columns', code: 'WRONG_ROW' }],
      },
      {
        uniqueCode: 'c',
        line: 6,
        errors: [{ message: 'line 6 has 3 cells, and the first line has 2 columns', code: 'WRONG_ROW' }],
      },
      { uniqueCode: null, line: 7, errors: [{ message: 'uniqueCode is required', code: 'INVALID' }] },
      {
        uniqueCode: 'a',
        line: 8,
        errors: [{ message: 'There is already a train with the uniqueCode "a"', code: 'DUPLICATE' }],
      },
    ]);
  });

  test('a wrong id in an update is a failed item with its line and id', async () => {
    const { status, failureDetails } = await os1.upload('trains', 'id\ntrain:1\n', 'PATCH');
    assert.equal(status, 'failed');
    assert.deepEqual(failureDetails, [
      {
        uniqueCode: null,
        id: 'train:1',
        line: 2,
        errors: [{ message: 'There is no participant with the id "train:1"', code: 'NOT_FOUND' }],
      },
    ]);
  });
});

describe('files that are refused as a whole', () => {
  const columns = 'columns are uniqueCode, name, owner and properties.<name>';
  for (const [what, file, description] of [
    ['nothing', '', 'The file is empty: its first line must name the columns'],
    ['only columns', 'uniqueCode,name\n', 'The file has no rows after line 1'],
    ['a missing column', 'name,owner\na,b\n', 'line 1: the column "uniqueCode" is missing'],
    ['an unknown column', 'uniqueCode,colour\na,b\n', `line 1: the column "colour" is not known: ${columns}`],
    ['a column without a name', 'uniqueCode,\na,b\n', `line 1: the column "" is not known: ${columns}`],
    [
      'a property without a name',
      'uniqueCode,properties.\n1,2',
      `line 1: the column "properties." is not known: ${columns}`,
    ],
    ['a column twice', 'uniqueCode,name,name\na,b,c\n', 'line 1: the column "name" is there twice'],
    ['a column of updates', 'id,uniqueCode\na,b\n', `line 1: the column "id" is not known: ${columns}`],
    [
      'a quote that is not closed',
      'uniqueCode,name\na,b\nc,"open\nd,e\n',
      'line 3: the row that begins here has a quote that is not closed',
    ],
    [
      'a quote that is not closed after quoted line ends',
      'uniqueCode,name\r\na,"b\r\nc"\r\n\r\nd,"open\r\ne,f\r\n',
      'line 5: the row that begins here has a quote that is not closed',
    ],
    [
      'a row without an end',
      `uniqueCode,name\na,b\nc,"${'x\n'.repeat(600_000)}`,
      'line 3: the row that begins here has more than 1048576 bytes, or a quote that is not closed',
    ],
    [
      'bytes that are not UTF-8',
      Uint8Array.from(Buffer.from('uniqueCode\na\nb\xff\n', 'latin1')),
      'line 1 or a later one is not valid UTF-8',
    ],
  ] as const)
    test(`a file with ${what} is 400, names the line and stores nothing`, async () => {
      assert.equal(await refused(file), description);
    });

  test('an update without ids is 400', async () => {
    assert.equal(
      await refused('uniqueCode\na\n', 'PATCH'),
      'line 1: the column "uniqueCode" is not known: columns are id, name, owner and properties.<name>',
    );
    assert.equal(await refused('name\na\n', 'PUT'), 'line 1: the column "id" is missing');
  });
});

describe('forms', () => {
  const form = (...fields: [name: string, value: string | Blob, file?: string][]) => {
    const made = new FormData();
    for (const [name, value, file] of fields)
      if (typeof value === 'string') made.append(name, value);
      else made.append(name, value, file);
    return made;
  };
  const csv = new Blob(['uniqueCode\na\n']);
  for (const [what, fields, description] of [
    [
      'no file',
      form(['callback', 'https://example.com/']),
      'The form has no file: the CSV file must be in the field "file"',
    ],
    ['no field', form(), 'The form has no file: the CSV file must be in the field "file"'],
    [
      'another file',
      form(['data', csv, 'a.csv']),
      'The form has a file in the field "data": the CSV file must be in the field "file"',
    ],
    ['two files', form(['file', csv, 'a.csv'], ['file', csv, 'b.csv']), 'The form has more than one file'],
    [
      'an unknown field',
      form(['file', csv, 'a.csv'], ['colour', 'red']),
      'The field "colour" of the form is not known: fields are file and callback',
    ],
    [
      'a callback that is not JSON',
      form(['file', csv, 'a.csv'], ['callback', '{']),
      'The field "callback" is not valid JSON',
    ],
    [
      'a callback without url',
      form(['callback', '{"to":1}'], ['file', csv, 'a.csv']),
      'callback must be like {"url":"https://example.com/hook"}',
    ],
  ] as const)
    test(`a form with ${what} is 400 and stores nothing`, async () => {
      const rows = await storedRows(system.pool);
      const { status, body } = await os1.send('POST', '/cars/batch/upload', fields);
      assert.deepEqual([status, body.error.description], [400, description]);
      assert.deepEqual(await storedRows(system.pool), rows);
    });

  test('a body that is no form is 415', async () => {
    for (const type of ['text/csv', 'application/json', 'application/x-www-form-urlencoded']) {
      const { status, body } = await os1.send('POST', '/cars/batch/upload', 'uniqueCode\na', {
        'content-type': type,
      });
      assert.deepEqual([status, body.error.code], [415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
  });

  test('a form that is cut, or has no boundary, is 400', async () => {
    for (const [type, text] of [
      ['multipart/form-data', 'x'],
      [
        'multipart/form-data; boundary=b',
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nuniqueCode\na',
      ],
      ['multipart/form-data; boundary=b', 'not a form'],
    ] as const) {
      const { status, body } = await os1.send('POST', '/cars/batch/upload', text, { 'content-type': type });
      assert.equal(status, 400);
      assert.match(body.error.description, /^The form /);
    }
  });

  test('a field that is there twice is 400', async () => {
    const twice = form(
      ['callback', 'https://example.com/a'],
      ['callback', 'https://example.com/b'],
      ['file', new Blob(['uniqueCode\ntwice\n']), 'a.csv'],
    );
    const { status, body } = await os1.send('POST', '/cars/batch/upload', twice);
    assert.deepEqual(
      [status, body.error.description],
      [400, 'The field "callback" is there twice in the form'],
    );
  });

  for (const [when, first] of [
    ['before', true],
    ['after', false],
  ] as const)
    test(`a callback ${when} the file gets the status of the upload`, async (t) => {
      const receiver = await startReceiver(t);
      const callback = first ? receiver.url : JSON.stringify({ url: receiver.url });
      const file = new Blob([`uniqueCode\ncalled ${when}\n`]);
      const body = first
        ? form(['callback', callback], ['file', file, 'a.csv'])
        : form(['file', file, 'a.csv'], ['callback', callback]);
      const answer = await os1.send('POST', '/cars/batch/upload', body);
      assert.equal(answer.status, 202);
      const [call] = await receiver.received(1);
      const { data } = JSON.parse(call?.body ?? '');
      assert.deepEqual([data.id, data.status], [answer.body.data.batchId, 'success']);
    });
});
