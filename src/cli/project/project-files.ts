/** The files of a new project for plugins, beside its first action. */
import type { NewFile } from './action-files.ts';

const TSCONFIG = {
  compilerOptions: {
    target: 'ES2024',
    module: 'NodeNext',
    lib: ['ES2024', 'ESNext.Array', 'ESNext.Disposable'],
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ['jobs', 'schemas', 'test', '*.ts'],
};

/** @param name of its first action */
export function projectFiles(title: string, name: string): NewFile[] {
  return [
    { path: 'tsconfig.json', text: asJson(TSCONFIG) },
    { path: '.gitignore', text: 'node_modules/\n.data/\n' },
    { path: 'README.md', text: readme(title, name) },
  ];
}

export function asJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function readme(title: string, name: string): string {
  const [namespace, action] = name.split('.');
  return `# ${title}

Actions for Batchwright. Each is a job in \`jobs/\`, the schema of its params
in \`schemas/\` and a test in \`test/\`. The path is the name: \`jobs/${namespace}/${action}.ts\` is \`${name}\`.

| command | does |
|---|---|
| \`npm start\` | starts the server with these actions, at http://127.0.0.1:3000 |
| \`npm run dev\` | the same, and starts again when a file changes |
| \`npm test\` | tests the actions; no server is needed |
| \`npm run check\` | checks the types |
| \`npm run types\` | writes \`batchwright.d.ts\`, which types the actions for \`batchwright/client\` |
| \`npx batchwright new demo.greet\` | writes a new action |

While the server runs:

\`\`\`sh
curl -sS "http://127.0.0.1:3000/api/1.0/${namespace}?action=${action}" -d '{"name":"Ada"}' \\
  -H "Authorization: Bearer $(npx batchwright keys admin)"
\`\`\`
`;
}
