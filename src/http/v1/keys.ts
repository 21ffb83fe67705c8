/** `/v1/keys` and `/v1/callback-secret`. */
import { Ajv, type ErrorObject } from 'ajv';
import { Router } from 'express';
import type { Keys } from '../../access/keys.ts';
import type { Tenants } from '../../access/tenants.ts';
import { BatchwrightError } from '../../contract/errors.ts';
import { parseInstant } from '../../domain/instant.ts';
import { TEXT_FORMATS, textRule } from '../../domain/text.ts';
import { unknownMember } from '../../domain/unknown-name.ts';
import { callerOf } from '../auth/callers.ts';
import { readMembers, readObject } from '../body/members.ts';
import { queryOf } from '../body/query.ts';

interface KeyRequest {
  name: string;
  tenant?: string;
  permissions: string[];
  expiresAt?: string | null;
  signing?: 'IWS' | null;
}

const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
ajv.addFormat('storable', TEXT_FORMATS.storable.allows);
ajv.addFormat('instant', (text: string) => !Number.isNaN(parseInstant(text)));
const schema = {
  type: 'object',
  required: ['name', 'permissions'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 200, format: 'storable' },
    tenant: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' },
    permissions: {
      type: 'array',
      minItems: 1,
      maxItems: 1000,
      uniqueItems: true,
      items: {
        type: 'string',
        // More than two parts: the permissions of other systems.
        pattern: '^(admin|\\*|([A-Za-z][A-Za-z0-9_]*\\.)+(\\*|[A-Za-z][A-Za-z0-9_-]*))$',
      },
    },
    expiresAt: { type: ['string', 'null'], format: 'instant' },
    signing: { enum: ['IWS', null] },
  },
};
const check = ajv.compile<KeyRequest>(schema);

/** The rule of each member, as error text. */
const RULES: Record<string, string> = {
  name: 'must be a text of 1 to 200 characters',
  tenant: 'must be 1 to 63 letters, digits, dots, dashes and underscores, and begin with a letter or digit',
  permissions:
    'must be 1 to 1,000 different permissions, each such as "participants.storeMultiple", "participants.*", "*" or "admin"',
  permission: 'must be a permission such as "participants.storeMultiple", "participants.*", "*" or "admin"',
  expiresAt: 'must be a time as in RFC 3339, such as "2030-01-31T12:00:00Z", or null',
  signing: 'must be "IWS" or null',
};

function problemOf({ instancePath, params }: ErrorObject): string {
  if (params.additionalProperty !== undefined)
    return unknownMember('', params.additionalProperty, Object.keys(schema.properties));
  if (params.missingProperty !== undefined) return `${params.missingProperty} is required`;
  const [, member = '', index] = instancePath.split('/');
  if (index !== undefined) return `${member}[${index}] ${RULES.permission}`;
  return `${member} ${textRule(String(params.format)) ?? RULES[member]}`;
}

export interface KeyRoutesDeps {
  keys: Keys;
  tenants: Tenants;
  /** The API's public address; undefined: the address in the request. */
  publicUrl?: string | undefined;
}

export function keyRoutes({ keys, tenants, publicUrl }: KeyRoutesDeps): Router {
  const router = Router();
  router.post('/keys', async (request, response) => {
    queryOf(request, []);
    const body = await readObject(request);
    if (!check(body)) {
      const details = [...new Set(check.errors?.map(problemOf))];
      throw new BatchwrightError('badRequest', {
        message: 'The key cannot be made',
        details,
      });
    }
    const { expiresAt, ...wanted } = body;
    const made = await keys.create(callerOf(request), {
      ...wanted,
      expiresAt: expiresAt ? new Date(expiresAt) : null,
    });
    response
      .status(201)
      .location(`${publicUrl ?? ''}/v1/keys/${made.id}`)
      .json(made);
  });
  router.get('/me', async (request, response) => {
    queryOf(request, []);
    response.json(await keys.describe(callerOf(request)));
  });
  router.get('/keys', async (request, response) => {
    queryOf(request, []);
    response.json({ data: await keys.list(callerOf(request)) });
  });
  router.delete('/keys/:id', async (request, response) => {
    queryOf(request, []);
    await readMembers(request, []);
    await keys.revoke(callerOf(request), request.params.id);
    response.status(204).end();
  });
  router.get('/callback-secret', async (request, response) => {
    queryOf(request, []);
    response.json(await tenants.callbackSecrets(callerOf(request).tenant));
  });
  router.post('/callback-secret', async (request, response) => {
    queryOf(request, []);
    await readMembers(request, []);
    response.status(201).json(await tenants.rotateCallbackSecret(callerOf(request)));
  });
  return router;
}
