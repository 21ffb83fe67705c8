/** The OpenAPI 3.1 document of the running server: our routes, the actions of the registry, the routes of plugins. */
import { catalogue, type ErrorName } from '../../contract/errors.ts';
import {
  idempotencyKey,
  type Operation,
  ofBody,
  ofIntake,
  type Parameter,
  tags,
} from '../../contract/operation.ts';
import { operations } from '../../contract/operations.ts';
import { ref, type Schema, schemas } from '../../contract/schemas.ts';
import type { ActionView } from '../../pipeline/read/action-catalogue.ts';
import { errorAnswers, problemOf } from './error-answers.ts';
import { paramsSchema } from './params-schema.ts';
import { type MountedRoutes, pluginParts } from './plugin-parts.ts';

export interface DocumentOptions {
  /** Of the package. */
  version: string;
  actions: readonly ActionView[];
  routes: readonly MountedRoutes[];
  /** The API's public address; undefined: that of the document. */
  publicUrl: string | undefined;
}

/** Errors of a single action. Its own errors may have any status. */
const ofCall: ErrorName[] = [
  ...ofIntake.filter((name) => name !== 'tooManyJobs'),
  ...ofBody,
  'invalidParams',
  'missingParams',
  'jobFailed',
  'stillRunning',
];

/** Errors that any request may have, beside those of its operation. */
const ALWAYS: ErrorName[] = ['badRequest', 'unauthorized', 'forbidden', 'tooManyRequests', 'unavailable'];

/**
 * Builds the document; it does not change while the server runs. Throws the error of a plugin whose description of its
 * routes cannot be loaded.
 */
export async function openApiDocument({
  version,
  actions,
  routes,
  publicUrl,
}: DocumentOptions): Promise<object> {
  const ofPlugins = await pluginParts(routes);
  const namespaces = Map.groupBy(actions, ({ name }) => name.slice(0, name.indexOf('.')));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Batchwright',
      version,
      description:
        'Batches of jobs: run, followed by their asyncId, and posted to a callback with their results.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: publicUrl ?? '/' }],
    security: [{ key: [] }, { signature: [] }],
    tags: [
      ...Object.entries(tags).map(([name, description]) => ({ name, description })),
      ...[...namespaces.keys()].map((name) => ({ name, description: `The actions of ${name}.` })),
    ],
    paths: {
      ...pathsOf(operations),
      ...Object.fromEntries(
        [...namespaces].map(([name, all]) => [`/api/1.0/${name}`, actionPath(name, all)]),
      ),
      ...ofPlugins.paths,
    },
    webhooks: { batchEnded: callback() },
    components: {
      schemas: {
        ...ofPlugins.schemas,
        ...schemas,
        ...Object.fromEntries(actions.map(({ name, params }) => [name, paramsSchema(name, params)])),
      },
      responses: errorAnswers(),
      securitySchemes: {
        ...ofPlugins.securitySchemes,
        key: { type: 'http', scheme: 'bearer', description: 'An API key, or the admin key.' },
        signature: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Api-Authorization',
          description:
            '`IWS {key}:{signature}`, with Content-MD5 and IVVY-Date, of a key that was made with `"signing":"IWS"`.',
        },
      },
    },
  };
}

function pathsOf(all: readonly Operation[]): Record<string, object> {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of all) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: operationOf(operation) };
  }
  return paths;
}

function operationOf({
  id,
  tag,
  summary,
  parameters,
  body,
  answers,
  errors = [],
  isOpen,
  path,
}: Operation): object {
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(parameters ? { parameters: parameters.map(parameterOf) } : {}),
    ...(body ? { requestBody: { required: body.required ?? false, content: contentOf(body.content) } } : {}),
    ...(isOpen ? { security: [] } : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, content, headers }]) => [
          status,
          {
            description,
            ...(headers ? { headers: Object.fromEntries(headers.map((name) => [name, HEADER])) } : {}),
            ...(content ? { content: contentOf(content) } : {}),
          },
        ]),
      ),
      ...(isOpen ? {} : responsesOf([...errors, ...(body ? ofBody : []), ...ALWAYS], path.startsWith('/v1'))),
    },
  };
}

const HEADER = { schema: { type: 'string' } };

function parameterOf({ required = false, ...parameter }: Parameter): object {
  return { ...parameter, required };
}

function contentOf(content: Record<string, Schema>): object {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));
}

/** By status; several errors of one status share their answer. `default` is any other error. */
function responsesOf(errors: readonly ErrorName[], isRest: boolean): Record<string, object> {
  const byStatus = Map.groupBy(new Set(errors), (name) => catalogue[name].errorCode);
  const suffix = isRest ? 'Problem' : 'Error';
  return {
    ...Object.fromEntries(
      [...byStatus].map(([status, names]) => [
        status,
        names.length === 1
          ? { $ref: `#/components/responses/${names[0]}${suffix}` }
          : problemOf(names, isRest),
      ]),
    ),
    default: { $ref: `#/components/responses/any${suffix}` },
  };
}

/** All actions of a namespace are one path, because OpenAPI does not distinguish paths by their query. */
function actionPath(namespace: string, actions: readonly ActionView[]): object {
  return {
    post: {
      operationId: `call.${namespace}`,
      tags: [namespace],
      summary: `Run an action of ${namespace}, and wait for its response`,
      description: actions.map(({ name, summary }) => `- \`${shortName(name)}\`: ${summary}`).join('\n'),
      parameters: [
        {
          name: 'action',
          in: 'query',
          required: true,
          schema: { type: 'string', enum: actions.map(({ name }) => shortName(name)) },
        },
        parameterOf(idempotencyKey),
      ],
      requestBody: {
        content: {
          'application/json': {
            schema: { anyOf: actions.map(({ name }) => ref(name)) },
            examples: Object.fromEntries(
              actions
                .filter(({ example }) => example !== null)
                .map(({ name, summary, example }) => [shortName(name), { summary, value: example }]),
            ),
          },
        },
      },
      responses: {
        200: { description: 'What the action returned.', content: { 'application/json': { schema: {} } } },
        ...responsesOf([...ALWAYS, ...ofCall], false),
      },
    },
  };
}

function shortName(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}

function callback(): object {
  const header = (name: string, description: string) => ({
    name,
    in: 'header',
    required: true,
    description,
    schema: { type: 'string' },
  });
  return {
    post: {
      operationId: 'receiveCallback',
      summary: 'The callback of a batch that has ended, to its callbackUrl',
      security: [],
      parameters: [
        header('webhook-id', 'The same for every attempt.'),
        header('webhook-timestamp', 'Seconds since 1970.'),
        header('webhook-signature', '`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`.'),
      ],
      requestBody: { required: true, content: { 'application/json': { schema: ref('CallbackBody') } } },
      responses: {
        '2XX': { description: 'The callback is delivered.' },
        410: { description: 'The receiver wants no more callbacks.' },
        default: { description: 'The callback is sent again later.' },
      },
    },
  };
}
