/** `/dashboard`: the page for people. It needs no key, because it has no data: the page asks for a key. */
import { Router } from 'express';
import { BatchwrightError } from '../../contract/errors.ts';
import { createAssets } from './assets.ts';

/** The page sets styles only by script (CSSOM), which `style-src 'self'` allows. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
/** The name changes with the content. */
const IMMUTABLE = 'public, max-age=31536000, immutable';
/** The smaller one first. */
const ENCODINGS = ['br', 'gzip'] as const;

export function dashboardRoutes(): Router {
  const assets = createAssets();
  const router = Router();
  router.get('/dashboard', async (request, response) => {
    const { script, style } = await assets();
    response
      .set('content-security-policy', POLICY)
      .type('html')
      .send(page(request.originalUrl, { script, style }));
  });
  router.get('/dashboard/assets/:file', async (request, response) => {
    const { byName } = await assets();
    const asset = byName.get(request.params.file);
    if (!asset) throw new BatchwrightError('notFound', { message: 'The page has no such part' });
    const encoding = ENCODINGS.find((name) => request.acceptsEncodings(name));
    if (encoding) response.set('content-encoding', encoding);
    response.vary('Accept-Encoding');
    response.set('cache-control', IMMUTABLE).type(asset.type);
    response.send(Buffer.from(asset[encoding ?? 'plain']));
  });
  return router;
}

/**
 * Addresses are relative, so that the page works below the path prefix of a proxy. What the page shows is behind the
 * `#` of its address: the server has one page, at any prefix, and no proxy logs what somebody looks at.
 */
function page(url: string, { script, style }: { script: string; style: string }): string {
  // `/dashboard/` is one folder deeper than `/dashboard`.
  const root = /\/(\?|$)/.test(url) ? '../' : './';
  return `<!doctype html>
<html lang="en" data-root="${root}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Batchwright</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="${root}dashboard/assets/${style}">
<script src="${root}dashboard/assets/${script}" defer></script>
</head>
<body>
<div id="app"></div>
<noscript>The dashboard needs JavaScript. The same data is in the API: <a href="${root}docs">its documentation</a>.</noscript>
</body>
</html>
`;
}

/** Three bars, as in the page's header. */
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#4f46e5"/><path d="M4 5h8M4 8h8M4 11h5" stroke="#fff" stroke-width="1.6" stroke-linecap="round"/></svg>',
)}`;
