/** `/openapi.json` and the pages below `/docs`. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import express, { type Router } from 'express';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';
import { errorPages, slugOf } from '../../../src/contract/error-pages.ts';
import { catalogue, type ErrorName } from '../../../src/contract/errors.ts';
import { operations } from '../../../src/contract/operations.ts';
import { healthRoutes } from '../../../src/http/health.ts';
import { paramsSchema } from '../../../src/http/openapi/params-schema.ts';
import { actionRoutes, addLimits } from '../../../src/http/v1/actions.ts';
import { auditRoutes } from '../../../src/http/v1/audit.ts';
import { addBatchDetails } from '../../../src/http/v1/batch-details.ts';
import { batchRoutes } from '../../../src/http/v1/batches.ts';
import { keyRoutes } from '../../../src/http/v1/keys.ts';
import { LiveAnswers } from '../../../src/http/v1/live-answers.ts';
import { addOpenCallbacks } from '../../../src/http/v1/open-callbacks.ts';
import { addSystem } from '../../../src/http/v1/system.ts';
import { swaggerUiCopies } from '../../docs/swagger-ui-copies.ts';
import { silentPluginLog } from '../../support/action-context.ts';
import { documentedBy } from '../../support/documented.ts';
import type { Json } from '../../support/json.ts';
import { startSystem } from '../../support/system.ts';

const ROOT = join(import.meta.dirname, '../../..');
const system = await startSystem({ after }, { worker: false });
const DOCUMENT = 'https://example.com/openapi.json';
/** Without a key. */
const get = async (path: string) => {
  const response = await fetch(`${system.url}${path}`);
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const document: Json = JSON.parse((await get('/openapi.json')).text);

test('the document is valid OpenAPI 3.1, and needs no key', async () => {
  assert.equal(document.openapi, '3.1.0');
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.ok(valid, JSON.stringify(errors, null, 1));
});

test('the copies of Swagger UI are those of the package, with their licences', async () => {
  const copies = await swaggerUiCopies();
  const files = copies.map(({ file }) => file);
  for (const file of ['LICENSE', 'NOTICE', 'swagger-ui-bundle.js.LICENSE.txt'])
    assert.ok(files.includes(file), file);
  for (const { file, original, copy } of copies)
    assert.ok((await readFile(original)).equals(await readFile(copy)), `${file} is not fresh: npm run docs`);
});

test('every reference of the document leads to something', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"(#\/components\/[^"]+)"/g)];
  assert.ok(references.length > 100);
  for (const [, reference = ''] of references) {
    const target = reference
      .slice(2)
      .split('/')
      .reduce<Json>((value, part) => value?.[part], document);
    assert.ok(target, reference);
  }
});

test('the document has every action with its schema and its example', () => {
  for (const { name, schema, action } of system.registry.actions) {
    const [namespace, short = ''] = name.split('.');
    const { post } = document.paths[`/api/1.0/${namespace}`];
    assert.ok(post.parameters[0].schema.enum.includes(short), name);
    const shown = JSON.parse(JSON.stringify(paramsSchema(name, schema)));
    assert.deepEqual(document.components.schemas[name], shown);
    const { examples } = post.requestBody.content['application/json'];
    const example = action.example === undefined ? undefined : JSON.parse(JSON.stringify(action.example));
    assert.deepEqual(examples[short]?.value, example);
  }
});

test('the document has every route of the server', () => {
  const answers = new LiveAnswers(silentPluginLog);
  for (const add of [addBatchDetails, addLimits, addOpenCallbacks, addSystem]) add(answers, {} as never);
  const known = operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`);
  const served = [
    ...routesOf(
      '',
      healthRoutes(async () => true),
    ),
    ...routesOf(
      '/v1',
      batchRoutes({} as never, answers),
      answers.router,
      actionRoutes({} as never),
      keyRoutes({} as never),
      auditRoutes({} as never),
    ),
  ];
  assert.ok(served.length > 15);
  assert.deepEqual(
    served.filter((route) => !known.includes(route)),
    [],
  );
});

test('the document has every route of the plugins in jobs, and no other', async () => {
  const namespaces = await readdir(join(ROOT, 'jobs'));
  const mounted = system.registry.routes.filter(({ namespace }) => namespaces.includes(namespace));
  assert.deepEqual(
    new Set(mounted.map(({ namespace }) => namespace)),
    new Set(['event', 'os1', 'redjade', 'tracx']),
  );
  for (const { routes } of mounted) {
    const { prefix } = routes;
    const router = express.Router();
    await routes.routes(router, {} as never);
    const served = routesOf(prefix, router).filter((route) => !route.startsWith('_all '));
    const described = Object.entries<Json>(document.paths)
      .filter(([path]) => path === prefix || path.startsWith(`${prefix}/`))
      .flatMap(([path, item]) =>
        Object.keys(item)
          .filter((name) => name !== 'parameters')
          .map((method) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
      );
    assert.deepEqual(described.toSorted(), served.map((route) => route.replace(/\/$/, '')).toSorted());
  }
});

test('every example of the document fits its schema, and every security scheme is there', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false });
  ajv.addSchema({ ...document, $id: DOCUMENT });
  let checked = 0;
  for (const [path, item] of Object.entries<Json>(document.paths))
    for (const [method, operation] of Object.entries<Json>(item)) {
      if (method === 'parameters') continue;
      for (const scheme of (operation.security ?? []).flatMap(Object.keys))
        assert.ok(document.components.securitySchemes[scheme], `${method} ${path}: ${scheme}`);
      const contents = [operation.requestBody, ...Object.values<Json>(operation.responses)].flatMap((part) =>
        Object.values<Json>(part?.content ?? {}),
      );
      for (const { schema, example } of contents) {
        if (example === undefined) continue;
        const validate = ajv.compile(rebased(schema));
        checked++;
        assert.ok(validate(example), `${method} ${path}: ${JSON.stringify(validate.errors)}`);
      }
    }
  assert.ok(checked > 60, String(checked));
});

test('the document has every error in both forms', () => {
  for (const name of Object.keys(catalogue)) {
    assert.ok(document.components.responses[`${name}Error`], name);
    assert.ok(document.components.responses[`${name}Problem`], name);
  }
});

test('an answer that differs from the document fails the test that asked for it', async () => {
  const requireDocumented = await documentedBy(system.registry);
  const headers = new Headers({ 'content-type': 'application/json' });
  const asked = { method: 'GET', path: '/v1/callback-secret' };
  const answer =
    (body: object, status = 200) =>
    () =>
      requireDocumented(asked, { status, headers, body });
  assert.doesNotThrow(answer({ secret: 'whsec_x', previous: [] }));
  assert.throws(answer({ secret: 'whsec_x', previous: [], more: 1 }), /differs from the OpenAPI document/);
  assert.throws(answer({}), /differs from the OpenAPI document/);
  assert.throws(answer({ secret: 'whsec_x', previous: [] }, 299), /299 is not in the OpenAPI document/);
  assert.throws(answer({ errorCode: 404 }, 404), /application\/json, which is not in/);
});

test('a client that openapi-typescript generates compiles, and knows the types of answers', {
  timeout: 120_000,
}, async (t) => {
  const folder = await mkdtemp(join(ROOT, 'node_modules/.cache-openapi-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'api.ts'), astToString(await openapiTS(structuredClone(document))));
  const use = (field: string) => `import type { paths } from './api.ts';
type Batch = paths['/v1/batches/{asyncId}']['get']['responses'][200]['content']['application/json'];
export const read = (batch: Batch): number => batch.${field};
`;
  await writeFile(join(folder, 'right.ts'), use('counts.succeeded'));
  await writeFile(join(folder, 'wrong.ts'), use('counts.succeded'));
  assert.deepEqual(faultsOf(join(folder, 'right.ts')), []);
  assert.match(faultsOf(join(folder, 'wrong.ts')).join(), /succeded/);
});

test('the type of every problem is a page that says what it means and what to do', async () => {
  for (const name of Object.keys(catalogue) as ErrorName[]) {
    const { status, headers, text } = await get(`/docs/errors/${slugOf(name)}`);
    assert.equal(status, 200, name);
    assert.match(headers.get('content-type') ?? '', /^text\/html/);
    for (const part of [errorPages[name].means, errorPages[name].remedy])
      assert.ok(text.includes(part.replaceAll('<', '&lt;').replaceAll('>', '&gt;')), `${name}: ${part}`);
  }
});

test('the pages of the errors lead to one another, with a slash at their end too', async () => {
  const linksOf = async (path: string) => {
    const { text } = await get(path);
    return [...text.matchAll(/<a href="([^"]+)"/g)].map(
      ([, link = '']) => new URL(link, `${system.url}${path}`).pathname,
    );
  };
  const pages = (Object.keys(catalogue) as ErrorName[]).map((name) => `/docs/errors/${slugOf(name)}`);
  for (const path of ['/docs/errors', '/docs/errors/']) assert.deepEqual(await linksOf(path), pages);
  for (const path of ['/docs/errors/not-found', '/docs/errors/not-found/'])
    assert.deepEqual(await linksOf(path), ['/docs/errors', '/docs']);
});

test('an error that does not exist is a page for browsers, and an error for others', async () => {
  const headers = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
  const page = await fetch(`${system.url}/docs/errors/nothing`, { headers });
  assert.equal(page.status, 404);
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(await page.text(), /<a href="\.\.\/errors">/);
  const { status, text } = await get('/docs/errors/nothing');
  assert.deepEqual([status, JSON.parse(text).message], [404, 'There is no such error']);
});

test('every request with a body may be too large or have an unknown encoding, and says so', () => {
  const wrong = Object.entries<Json>(document.paths)
    .filter(([path]) => !isOfPlugin(path))
    .flatMap(([path, item]) =>
      Object.entries<Json>(item).map(([method, operation]) => ({ path, method, operation })),
    )
    .filter(
      ({ operation }) => operation.requestBody && !(operation.responses[413] && operation.responses[415]),
    );
  assert.deepEqual(
    wrong.map(({ method, path }) => `${method} ${path}`),
    [],
  );
});

test('a call of an action has Idempotency-Key, and the statuses of a request that is stored', () => {
  for (const [path, { post }] of Object.entries<Json>(document.paths).filter(([name]) =>
    name.startsWith('/api/'),
  )) {
    assert.ok(
      post.parameters.some(({ name }: Json) => name === 'Idempotency-Key'),
      path,
    );
    for (const status of [400, 401, 403, 409, 413, 415, 422, 429, 503])
      assert.ok(post.responses[status], `${path} ${status}`);
  }
});

test('errors of the batch API link to the page, and problems have it as their type', async () => {
  const rpc = await system.rpc('progress', { async: '0'.repeat(32) });
  assert.equal(rpc.headers.get('link'), '</docs/errors/batch-not-found>; rel="help"');
  const rest = await system.request(`/v1/batches/${'0'.repeat(32)}`);
  assert.equal(rest.body.type, '/docs/errors/batch-not-found');
  assert.equal((await get(rest.body.type)).status, 200);
});

test('the page at /docs loads everything from this server', async () => {
  for (const path of ['/docs', '/docs/']) {
    const { headers, text } = await get(path);
    assert.match(headers.get('content-security-policy') ?? '', /^default-src 'none'; script-src 'self';/);
    assert.doesNotMatch(text, /https?:/);
    const parts = [...text.matchAll(/(?:src|href|data-document)="([^"]+)"/g)].map(([, part = '']) => part);
    // The icon is empty, so that no browser asks for one.
    assert.equal(parts.shift(), 'data:,');
    assert.equal(parts.length, 4);
    for (const part of parts) {
      const { pathname } = new URL(part, `${system.url}${path}`);
      assert.equal((await get(pathname)).status, 200, pathname);
    }
  }
  assert.equal((await get('/docs/assets/package.json')).status, 404);
});

function isOfPlugin(path: string): boolean {
  return system.registry.routes.some(
    ({ routes: { prefix } }) => path === prefix || path.startsWith(`${prefix}/`),
  );
}

/** The schema with references that lead to the document. */
function rebased(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', `"$ref":"${DOCUMENT}#/`));
}

/** `get /v1/batches/:asyncId`, for each route of the routers. */
function routesOf(mountedAt: string, ...routers: Router[]): string[] {
  return routers
    .flatMap(({ stack }) => stack as unknown as { route?: { path: string; methods: object } }[])
    .flatMap(({ route }) =>
      Object.keys(route?.methods ?? {}).map((method) => `${method} ${mountedAt}${route?.path}`),
    );
}

function faultsOf(file: string): string[] {
  const program = ts.createProgram([file], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    module: ts.ModuleKind.NodeNext,
    types: [],
  });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
