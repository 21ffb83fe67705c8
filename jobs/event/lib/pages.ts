/** The plain pages behind an invitation link. They need neither scripts nor styles. */

/** Nothing is loaded, and the one form goes back to where the page came from. */
export const PAGE_POLICY = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** @param button of a form that posts to the page's own address */
export function page(title: string, message: string, button?: string): string {
  const form = button === undefined ? '' : `<form method="post"><button>${escaped(button)}</button></form>\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${escaped(message)}</p>
${form}</body>
</html>
`;
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
