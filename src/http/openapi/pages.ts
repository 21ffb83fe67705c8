/** The pages below `/docs`: plain HTML, whose parts all come from this server. */
import { errorPages, slugOf } from '../../contract/error-pages.ts';
import { catalogue, type ErrorName } from '../../contract/errors.ts';

/** Swagger UI sets styles by script and draws its icons from data URLs; nothing comes from another host. */
export const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const names = Object.keys(catalogue) as ErrorName[];

/** Addresses are relative, so that the page works below the path prefix of a proxy. */
export function docsPage(url: string): string {
  const base = isFolder(url) ? '.' : 'docs';
  return page(
    'Batchwright: the API',
    `<link rel="stylesheet" href="${base}/assets/swagger-ui.css">`,
    `<div id="api" data-document="${base}/../openapi.json"></div>
<script src="${base}/assets/swagger-ui-bundle.js"></script>
<script src="${base}/assets/start.js"></script>`,
  );
}

/** `/docs/` is one folder deeper than `/docs`, so its relative addresses differ. */
function isFolder(url: string): boolean {
  return /\/(\?|$)/.test(url);
}

/** Shows the document; a script of its own, because the policy allows none in the page. */
export const STARTER = `const api = document.querySelector('#api');
SwaggerUIBundle({ url: api.dataset.document, domNode: api, deepLinking: true, validatorUrl: null });
`;

export function errorsPage(url: string): string {
  const base = isFolder(url) ? '' : 'errors/';
  const rows = names.map(
    (name) =>
      `<li><a href="${base}${slugOf(name)}">${slugOf(name)}</a> (${codesOf(name)}): ${escaped(catalogue[name].message)}</li>`,
  );
  return page('Batchwright: errors', STYLE, `<h1>Errors</h1>\n<ul>\n${rows.join('\n')}\n</ul>`);
}

export function errorPage(name: ErrorName, url: string): string {
  const { means, remedy } = errorPages[name];
  return page(
    `Batchwright: ${slugOf(name)}`,
    STYLE,
    `<h1>${escaped(catalogue[name].message)}</h1>
<p>${codesOf(name)}</p>
<h2>What it means</h2>
<p>${escaped(means)}</p>
<h2>What to do</h2>
<p>${escaped(remedy)}</p>
${linksUp(url)}`,
  );
}

/** For an address below `/docs/errors` that names no error. */
export function noErrorPage(url: string): string {
  return page(
    'Batchwright: no such error',
    STYLE,
    `<h1>There is no such error</h1>
<p>The address of this page names none of the errors.</p>
${linksUp(url)}`,
  );
}

function linksUp(url: string): string {
  const base = isFolder(url) ? '../..' : '..';
  return `<p><a href="${base}/errors">All errors</a> · <a href="${base}/../docs">The API</a></p>`;
}

function codesOf(name: ErrorName): string {
  const { errorCode, specificCode }: { errorCode: number; specificCode?: number } = catalogue[name];
  return specificCode === undefined
    ? `status ${errorCode}`
    : `status ${errorCode}, specificCode ${specificCode}`;
}

const STYLE =
  '<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}h1{font-size:1.5rem}h2{font-size:1.1rem}:root{color-scheme:light dark}</style>';

function page(title: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
${head}
</head>
<body>
${body}
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
