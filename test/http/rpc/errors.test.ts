/** The contract's table of errors, row by row; and refused requests leave nothing behind. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startSystem } from '../../support/system.ts';
import { storedRows } from '../stored-rows.ts';

// Without a worker nothing changes by itself while rows are counted.
const system = await startSystem({ after }, { worker: false, env: { MAX_JOBS_PER_BATCH: '2500' } });

const good = { namespace: 'rpc', action: 'strict', params: { id: 1, name: 'one' } };
const goods = (count: number) => Array.from({ length: count }, () => good);
const withJob = (job: unknown) => ({ jobs: [good, job] });
const withMember = (name: string, value: unknown) => withJob({ ...good, [name]: value });
const withoutMember = (name: string) =>
  withJob(Object.fromEntries(Object.entries(good).filter(([key]) => key !== name)));
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
/** The body, `jobs`, the job and its params are four levels. */
const nestedBody = (levels: number) =>
  `{"jobs":[{"namespace":"test","action":"echo","params":{"x":${nested(levels - 4)}}}]}`;

interface Refusal {
  body: unknown;
  status?: number;
  specificCode: number;
  message?: string | RegExp;
  additionalMessages?: string[];
}

async function assertRefused({ body, status = 400, specificCode, message, additionalMessages }: Refusal) {
  const rows = await storedRows(system.pool);
  for (const action of ['run', 'validate']) {
    const answer = await system.rpc(action, body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
    assert.equal(answer.body.errorCode, status);
    assert.equal(answer.body.specificCode, specificCode, JSON.stringify(answer.body));
    if (message instanceof RegExp) assert.match(answer.body.message, message);
    else if (message !== undefined) assert.equal(answer.body.message, message);
    else assert.equal(typeof answer.body.message, 'string');
    if (additionalMessages) assert.deepEqual(answer.body.additionalMessages, additionalMessages);
    const known = ['errorCode', 'message', 'specificCode', 'additionalMessages'];
    assert.deepEqual(
      Object.keys(answer.body).filter((key) => !known.includes(key)),
      [],
    );
  }
  assert.deepEqual(await storedRows(system.pool), rows, 'something was stored');
}

const tables: Record<string, Record<string, Refusal | Omit<Refusal, 'specificCode'>>> = {
  'Incorrect job format (24092)': {
    'an empty body': { body: '' },
    'a body that is not valid JSON': { body: 'jobs' },
    'a body that is an array': { body: [good] },
    'a body that is a string': { body: '"jobs"' },
    'a body that is a number': { body: '1' },
    'a body that is null': { body: 'null' },
    'a body that ends too early': { body: JSON.stringify({ jobs: [good] }).slice(0, -1) },
    'a body with text after it': { body: `${JSON.stringify({ jobs: [good] })} 1` },
    'a broken job': { body: '{"jobs":[{"namespace":"rpc","action":"strict","params":{"id":01}}]}' },
    'a broken member beside the jobs': { body: `{"jobs":[${JSON.stringify(good)}],"x":tru}` },
    'jobs that are an object': { body: { jobs: { 0: good } } },
    'jobs that are a string': { body: { jobs: 'jobs' } },
    'jobs given twice': { body: `{"jobs":[${JSON.stringify(good)}],"jobs":[]}` },
    'a job that is null': { body: withJob(null), additionalMessages: ['jobs[1] must be an object'] },
    'a job that is an array': { body: withJob([]), additionalMessages: ['jobs[1] must be an object'] },
    'a job that is a number': { body: withJob(7), additionalMessages: ['jobs[1] must be an object'] },
    'a namespace that is a number': {
      body: withMember('namespace', 7),
      additionalMessages: ['jobs[1].namespace must be a string'],
    },
    'an action that is an object': {
      body: withMember('action', {}),
      additionalMessages: ['jobs[1].action must be a string'],
    },
    'an unknown action': {
      body: withMember('action', 'nothing'),
      additionalMessages: ['jobs[1]: there is no action rpc.nothing'],
    },
    'an action that is misspelt': {
      body: withMember('action', 'strikt'),
      additionalMessages: ['jobs[1]: there is no action rpc.strikt: did you mean rpc.strict?'],
    },
    'an unknown namespace': {
      body: withMember('namespace', 'nobody'),
      additionalMessages: ['jobs[1]: there is no action nobody.strict'],
    },
    'a job that inherits what it lacks': {
      body: '{"jobs":[{"__proto__":{"namespace":"test","action":"echo","params":{}}}]}',
      additionalMessages: [
        'jobs[0].__proto__ is not known: known names are namespace, action, params, id, dependsOn, group, bind',
      ],
    },
    'an action named like a property of every object': {
      body: withJob({ namespace: '__proto__', action: 'constructor', params: {} }),
      additionalMessages: ['jobs[1]: there is no action __proto__.constructor'],
    },
    'a duplicate job id': {
      body: { jobs: [{ ...good, id: 'a' }, good, { ...good, id: 'a' }] },
      additionalMessages: ['jobs[2].id "a" is a duplicate'],
    },
    'a duplicate job id under skipInvalid': {
      body: {
        jobs: [
          { ...good, id: 'a' },
          { ...good, id: 'a' },
        ],
        options: { skipInvalid: true },
      },
      additionalMessages: ['jobs[1].id "a" is a duplicate'],
    },
    'a job id that is an object': { body: withMember('id', {}) },
    'a job id that is empty': { body: withMember('id', '') },
    'params that break the schema': {
      body: withMember('params', { id: 'x', name: 'one' }),
      additionalMessages: ['jobs[1].params.id must be integer'],
    },
    'params that lack a required member': {
      body: withMember('params', { id: 1 }),
      additionalMessages: ['jobs[1].params.name is required'],
    },
    'params that are an array': {
      body: withMember('params', []),
      additionalMessages: ['jobs[1].params must be object'],
    },
    'params with an unknown member': {
      body: withMember('params', { ...good.params, nobody: 1 }),
      additionalMessages: ['jobs[1].params.nobody is not known'],
    },
    'params that are wrong in several places, in the order of the jobs': {
      body: {
        jobs: [
          { ...good, params: { id: 1, name: 'one', tags: [{ label: 'a' }, { label: 7 }] } },
          good,
          { ...good, params: { id: true, name: 2 } },
        ],
      },
      additionalMessages: [
        'jobs[0].params.tags[1].label must be string',
        'jobs[2].params.id must be integer',
        'jobs[2].params.name must be string',
      ],
    },
    'a callbackUrl that is a number': { body: { jobs: [good], callbackUrl: 7 }, message: /callbackUrl/ },
    'a callbackUrl that is empty': { body: { jobs: [good], callbackUrl: '' }, message: /callbackUrl/ },
    'a callbackUrl that is not a URL': {
      body: { jobs: [good], callbackUrl: 'here' },
      message: /callbackUrl/,
    },
    'a callbackUrl that is not http': {
      body: { jobs: [good], callbackUrl: 'ftp://198.51.100.7/' },
      message: /callbackUrl/,
    },
    'a callbackUrl that is private': {
      body: { jobs: [good], callbackUrl: 'http://10.0.0.7/' },
      message: /callbackUrl/,
    },
    'a callbackUrl with user info': {
      body: { jobs: [good], callbackUrl: 'https://user:secret@8.8.8.8/' },
      message: /callbackUrl/,
    },
    'a callbackUrl with a port of other services': {
      body: { jobs: [good], callbackUrl: 'http://8.8.8.8:25/' },
      message: /callbackUrl/,
    },
    'an unknown option': {
      body: { jobs: [good], options: { atomic: true } },
      message:
        'options.atomic is not known: known names are skipInvalid, name, metadata, concurrency, rate, priority, startAt, deadlineSeconds, stopAfter, callbackHeaders, callbackOn',
    },
    'an unknown option before the jobs': {
      body: { options: { atomic: true }, jobs: [good] },
      message:
        'options.atomic is not known: known names are skipInvalid, name, metadata, concurrency, rate, priority, startAt, deadlineSeconds, stopAfter, callbackHeaders, callbackOn',
    },
    'an option that is a prototype': {
      body: `{"jobs":[${JSON.stringify(good)}],"options":{"__proto__":{"skipInvalid":true}}}`,
      message:
        'options.__proto__ is not known: known names are skipInvalid, name, metadata, concurrency, rate, priority, startAt, deadlineSeconds, stopAfter, callbackHeaders, callbackOn',
    },
    'an option of the wrong type': {
      body: { jobs: [good], options: { skipInvalid: 'yes' } },
      message: 'options.skipInvalid must be true or false',
    },
    'a concurrency of none': {
      body: { jobs: [good], options: { concurrency: 0 } },
      message: 'options.concurrency must be a whole number from 1 to 1000000, not 0',
    },
    'a rate without a period': {
      body: { jobs: [good], options: { rate: { limit: 5 } } },
      message: 'options.rate.perSeconds must be a number from 0.001 to 86400',
    },
    'a rate by a name that is not known': {
      body: { jobs: [good], options: { rate: { limit: 5, perSecond: 1 } } },
      message: 'options.rate.perSecond is not known: did you mean perSeconds?',
    },
    'options that are an array': { body: { jobs: [good], options: [] } },
    'a nesting of 501 levels': { body: nestedBody(501), message: /500/ },
    'a nesting of 100,000 levels': { body: nestedBody(100_000), message: /500/ },
    'a nesting of 501 levels beside the jobs': { body: `{"jobs":[],"x":${nested(500)}}`, message: /500/ },
    'a wrong job after two stored chunks': {
      body: { jobs: [...goods(2200), { ...good, params: {} }] },
      additionalMessages: ['jobs[2200].params.id is required', 'jobs[2200].params.name is required'],
    },
    'a broken body after two stored chunks': {
      body: `${JSON.stringify({ jobs: goods(2200) }).slice(0, -2)},`,
    },
    'an unknown option after two stored chunks': {
      body: { jobs: goods(2200), options: { atomic: true } },
      message:
        'options.atomic is not known: known names are skipInvalid, name, metadata, concurrency, rate, priority, startAt, deadlineSeconds, stopAfter, callbackHeaders, callbackOn',
    },
  },
  'Empty job parameter found (24093)': {
    'a body without jobs': { body: {} },
    'jobs that are null': { body: { jobs: null } },
    'jobs that are empty': { body: { jobs: [] } },
    'a job without namespace': {
      body: withoutMember('namespace'),
      additionalMessages: ['jobs[1].namespace is missing'],
    },
    'a job whose namespace is null': {
      body: withMember('namespace', null),
      additionalMessages: ['jobs[1].namespace is missing'],
    },
    'a job whose namespace is empty': {
      body: withMember('namespace', ''),
      additionalMessages: ['jobs[1].namespace must not be empty'],
    },
    'a job without action': {
      body: withoutMember('action'),
      additionalMessages: ['jobs[1].action is missing'],
    },
    'a job whose action is null': {
      body: withMember('action', null),
      additionalMessages: ['jobs[1].action is missing'],
    },
    'a job whose action is empty': {
      body: withMember('action', ''),
      additionalMessages: ['jobs[1].action must not be empty'],
    },
    'a job without params': {
      body: withoutMember('params'),
      additionalMessages: ['jobs[1].params is missing'],
    },
    'a job whose params are null': {
      body: withMember('params', null),
      additionalMessages: ['jobs[1].params is missing'],
    },
  },
  'The maximum number of jobs is exceeded (24448)': {
    'one job more than MAX_JOBS_PER_BATCH': {
      body: { jobs: goods(2501) },
      message: 'The maximum number of jobs that can be put on a single request is 2500',
    },
    'one job more than MAX_JOBS_PER_BATCH under skipInvalid': {
      body: { options: { skipInvalid: true }, jobs: [...goods(2500), 7] },
      message: 'The maximum number of jobs that can be put on a single request is 2500',
    },
  },
};

for (const [title, rows] of Object.entries(tables))
  describe(title, () => {
    const specificCode = Number(/\((\d+)\)/.exec(title)?.[1]);
    for (const [what, row] of Object.entries(rows))
      test(`${what} is refused and nothing is stored`, () => assertRefused({ specificCode, ...row }));
  });

test('of more than 100 wrong jobs the first 100 are named and the rest is counted', async () => {
  const bad = { ...good, params: { id: 'x', name: 'one' } };
  const jobs = Array.from({ length: 1250 }, (_, index) => (index % 5 === 3 ? bad : good));
  const additionalMessages = Array.from(
    { length: 100 },
    (_, count) => `jobs[${5 * count + 3}].params.id must be integer`,
  );
  await assertRefused({
    body: { jobs },
    specificCode: 24092,
    additionalMessages: [...additionalMessages, 'and 150 more jobs'],
  });
});

test('of more than 20 faults in one job the first 20 are named and the rest is counted', async () => {
  const unknown = Array.from({ length: 25 }, (_, index) => `x${index}`);
  const params = { ...good.params, ...Object.fromEntries(unknown.map((name) => [name, 1])) };
  const named = unknown.slice(0, 20).map((name) => `jobs[1].params.${name} is not known`);
  await assertRefused({
    body: { jobs: [good, { ...good, params }] },
    specificCode: 24092,
    additionalMessages: [...named, 'jobs[1].params: 5 more faults'],
  });
});

test('exactly 100 wrong jobs are all named and none is counted', async () => {
  const jobs = Array.from({ length: 100 }, () => ({ ...good, action: '' }));
  await assertRefused({
    body: { jobs },
    specificCode: 24093,
    additionalMessages: jobs.map((_, index) => `jobs[${index}].action must not be empty`),
  });
});

test('MAX_JOBS_PER_BATCH jobs, and a nesting of 500 levels, are accepted', async () => {
  for (const body of [
    { jobs: goods(2500) },
    nestedBody(500),
    '{"jobs":[{"namespace":"test","action":"echo","params":{}}]}',
  ]) {
    const answer = await system.rpc('validate', body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal((await system.rpc('run', body)).status, 200);
  }
});

test('an unknown action of batch is 400 and lists the known ones', async () => {
  const all = /run, validate, progress, results, cancel, pause, resume, restart, repost$/;
  for (const [query, message] of [
    ['?action=nothing', all],
    ['?action=constructor', all],
    ['', all],
    ['?action=', all],
    ['?action=Run', /^batch\.Run is not known: did you mean run\?$/],
    ['?action=result', /^batch\.result is not known: did you mean results\?$/],
    ['?Action=run', /^\?Action= is not known: did you mean action\?$/],
    ['?action=run&action=run', /^\?action= is given twice$/],
  ] as const) {
    const { status, body } = await system.request(`/batch${query}`, { method: 'POST', body: '{}' });
    assert.equal(status, 400);
    assert.equal(body.specificCode, 24092);
    assert.match(body.message, message);
  }
});

const NOT_AN_ID = ['async must be the 32 lower-case hex digits that run returned'];
const MISSING = ['async is missing'];
const UNKNOWN: [unknown, string[]?][] = [
  ['00000000000000000000000000000000'],
  ['nonsense', NOT_AN_ID],
  ['0'.repeat(31), NOT_AN_ID],
  [7, NOT_AN_ID],
  [['x'], NOT_AN_ID],
  ['', MISSING],
  [null, MISSING],
  [undefined, MISSING],
];

for (const [action, specificCode] of [
  ['progress', 24105],
  ['cancel', 24105],
  ['pause', 24105],
  ['resume', 24105],
  ['restart', 24105],
  ['repost', 24105],
  ['results', 24115],
] as const)
  test(`${action} of a missing batch is 404 with ${specificCode}, for any form of id`, async () => {
    for (const [async, additionalMessages] of UNKNOWN) {
      const { status, body } = await system.rpc(action, { async });
      assert.equal(status, 404, JSON.stringify(async));
      const why = additionalMessages && { additionalMessages };
      assert.deepEqual(body, { errorCode: 404, message: 'Could not find batch', specificCode, ...why });
    }
  });

test('results before the end are 409 with 24114', async () => {
  const async = await system.run([good]);
  const { status, body } = await system.rpc('results', { async });
  assert.equal(status, 409);
  assert.deepEqual(body, { errorCode: 409, message: 'Batch job not completed', specificCode: 24114 });
});

test('a body of progress that is not a JSON object is 400 with 24092', async () => {
  for (const body of ['[]', '7', 'null', '{"async":', Buffer.from('{"async":"\xff"}', 'latin1')]) {
    const answer = await system.rpc('progress', body);
    assert.equal(answer.status, 400, String(body));
    assert.equal(answer.body.specificCode, 24092);
  }
});

test('an unknown path is 404, and one that cannot be decoded is 400, in the same form', async () => {
  const missing = await system.request('/nothing/here');
  assert.equal(missing.status, 404);
  assert.deepEqual(missing.body, { errorCode: 404, message: 'There is nothing at /nothing/here' });
  const broken = await system.request('/api/1.0/%E0%A4?action=echo', { method: 'POST', body: '{}' });
  assert.equal(broken.status, 400);
  assert.deepEqual(broken.body, { errorCode: 400, message: 'The path is not percent-encoded UTF-8' });
});
