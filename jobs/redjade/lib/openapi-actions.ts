/** The description of the routes of RedJade's actions in `/openapi.json`; `openapi.ts` has their schemas. */
import type { RouteDocument } from 'batchwright/plugin';
import { recordId } from '#schemas/lib/fields.ts';
import { params } from '#schemas/redjade/applyImport.ts';
import { answer, inPath, json, listOf, record, ref } from '../../lib/openapi.ts';
import { pages, refusals, tags } from './openapi.ts';
import { optionsOf } from './options.ts';

const anAction = {
  id: 3,
  participant_import_id: 24,
  created_at: '2026-02-25T09:45:32.000Z',
  updated_at: '2026-02-25T09:45:32.000Z',
  success_count: 0,
  status: 'pending',
  created_by_type: 'ApiKey',
  created_by_id: '4f0c2b1e-7d1f-4a52-9d43-1d1c6f1e2a90',
  ...optionsOf({}),
  attempt_count: 0,
  created_count: 0,
  updated_count: 0,
  destroyed_count: 0,
  skipped_count: 0,
  ignored_demographics_count: 0,
  asyncId: 'e35e06ee592d17a42dc9e6252a058617',
  errors: [],
};
const one = json(record({ participant_import_action: ref('redjade.ImportAction') }), {
  participant_import_action: anAction,
});

export const document: RouteDocument = {
  paths: {
    '': {
      post: {
        operationId: 'redjade.createImportAction',
        tags,
        summary: 'Apply an import',
        description: 'The body may also be wrapped: `{"participant_import_action":{…}}`.',
        requestBody: {
          required: true,
          content: json(params, { participant_import_id: 24, ...optionsOf({}) }),
        },
        responses: { 201: answer('The action; its status is `pending` at first.', one), ...refusals },
      },
      get: {
        operationId: 'redjade.listImportActions',
        tags,
        summary: 'List the actions of an import',
        parameters: [
          {
            name: 'participant_import_id',
            in: 'query',
            required: true,
            description: 'The id of the import.',
            schema: recordId,
          },
          ...pages,
        ],
        responses: {
          200: answer(
            'The actions, by id.',
            json(
              record({
                participant_import_actions: listOf(ref('redjade.ImportAction')),
                meta: ref('redjade.Page'),
              }),
              {
                participant_import_actions: [anAction],
                meta: { totalResults: 1, start: 0, perPage: 1000, count: 1 },
              },
            ),
          ),
          ...refusals,
        },
      },
    },
    '/{id}': {
      parameters: [inPath('id', 'The id of the action.', recordId)],
      get: {
        operationId: 'redjade.getImportAction',
        tags,
        summary: 'Show an action: the way to follow its status',
        responses: { 200: answer('The action.', one), ...refusals },
      },
    },
  },
};
