/** `/openapi.json`, and the pages below `/docs`. They need no key: they say nothing about anybody's data. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Router } from 'express';
import { errorOfSlug } from '../../contract/error-pages.ts';
import { BatchwrightError } from '../../contract/errors.ts';
import { type DocumentOptions, openApiDocument } from './document.ts';
import { DOCS_POLICY, docsPage, errorPage, errorsPage, noErrorPage, STARTER } from './pages.ts';

/** The parts of Swagger UI that the page loads: copies of those in the package swagger-ui-dist (`npm run docs`). */
const FOLDER = join(import.meta.dirname, 'swagger-ui');
const ASSETS: Record<string, string> = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
};
const CACHED = 'public, max-age=3600';

export function openApiRoutes(options: DocumentOptions): Router {
  let built: Promise<string> | undefined;
  /** Built for the first request: most servers are never asked, and the plugins' parts are files of their own. */
  const document = () => {
    built ??= openApiDocument(options).then((whole) => JSON.stringify(whole));
    // The next request tries again.
    built.catch(() => {
      built = undefined;
    });
    return built;
  };
  const router = Router();
  router.get('/openapi.json', async (_request, response) => {
    response.type('application/json').send(await document());
  });
  router.get('/docs', (request, response) => {
    response.set('content-security-policy', DOCS_POLICY).type('html').send(docsPage(request.originalUrl));
  });
  router.get('/docs/assets/start.js', (_request, response) => {
    response.set('cache-control', CACHED).type('text/javascript').send(STARTER);
  });
  router.get('/docs/assets/:file', async (request, response) => {
    const { file } = request.params;
    const type = Object.hasOwn(ASSETS, file) ? ASSETS[file] : undefined;
    if (!type) throw new BatchwrightError('notFound', { message: 'The pages have no such part' });
    response
      .set('cache-control', CACHED)
      .type(type)
      .send(await readFile(join(FOLDER, file)));
  });
  router.get('/docs/errors', (request, response) => {
    response.set('content-security-policy', DOCS_POLICY).type('html').send(errorsPage(request.originalUrl));
  });
  router.get('/docs/errors/:slug', (request, response) => {
    const name = errorOfSlug(request.params.slug);
    // A browser prefers a page, and other clients take the error.
    if (!name && request.accepts(['json', 'html']) !== 'html')
      throw new BatchwrightError('notFound', { message: 'There is no such error' });
    response
      .status(name ? 200 : 404)
      .set('content-security-policy', DOCS_POLICY)
      .type('html')
      .send(name ? errorPage(name, request.originalUrl) : noErrorPage(request.originalUrl));
  });
  return router;
}
