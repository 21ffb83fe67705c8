/** Every code block of every document is checked by a test, or the reason why not is here. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Block, isOfRemovedFolder, ROOT, readBlocks, repositoryFiles } from './pages.ts';

const API = 'test/e2e/paste.test.ts';
const CLI = 'test/e2e/paste-cli.test.ts';
const CALLS = 'test/e2e/paste-calls.test.ts';
const PLANS = 'test/e2e/paste-plans.test.ts';
const OPTIONS = 'test/e2e/paste-options.test.ts';
const PLUGINS = 'test/e2e/paste-plugins.test.ts';
const GUIDES = 'test/e2e/paste-guides.test.ts';
const OPERATING = 'test/e2e/operating.test.ts';
const PACKAGE = 'test/e2e/package.test.ts';
const COMMANDS = 'test/docs/commands.test.ts';
const LIFECYCLE = 'test/docs/lifecycle.test.ts';
const OS1 = 'test/jobs/os1/readme.test.ts';
const REDJADE = 'test/jobs/redjade/readme.test.ts';
const TRACX = 'test/jobs/tracx/readme.test.ts';

/** By page, heading and language. */
const CHECKED_BY: Record<string, string> = {
  'README.md, Batchwright, sh': 'test/main/start.test.ts',
  'README.md, As a package, sh': PACKAGE,
  'README.md, A first batch, sh': API,
  'docs/api.md, The batch API, json': API,
  'docs/api.md, One action alone, sh': API,
  'docs/api.md, The same as REST, sh': API,
  'docs/api.md, The same as REST, json': API,
  'docs/api.md, Jobs as CSV, sh': API,
  'docs/api.md, Problem details, json': API,
  'docs/api.md, Keys and permissions, sh': API,
  'docs/api.md, Signed requests, sh': API,
  'docs/callbacks.md, The signature, js': API,
  'docs/callbacks.md, The signature, sh': API,
  'docs/callbacks.md, The log of attempts, json': API,
  'docs/calls.md, An API that fails, sh': CALLS,
  'docs/calls.md, The calls, sh': CALLS,
  'docs/calls.md, A host with a limit, sh': CALLS,
  'docs/calls.md, What failed, and why, sh': CALLS,
  'docs/calls.md, What failed, and why, json': CALLS,
  'docs/calls.md, Repeating some of them, sh': CALLS,
  'docs/getting-started.md, 1. Make a project, sh': PACKAGE,
  'docs/getting-started.md, 2. Start the server, sh': PACKAGE,
  'docs/getting-started.md, 3. Run a first job, sh': PACKAGE,
  'docs/getting-started.md, 4. Run 10,000 jobs, and receive the callback, sh': PACKAGE,
  'docs/getting-started.md, 5. The same from a program, js': PACKAGE,
  'docs/getting-started.md, 5. The same from a program, sh': PACKAGE,
  'docs/getting-started.md, 6. Look at it, sh': PACKAGE,
  'docs/getting-started.md, 7. Write your own action, sh': PACKAGE,
  'docs/getting-started.md, 8. Replace the secret of the callbacks, sh': PACKAGE,
  'docs/embedding.md, Inside a program of yours, js': PACKAGE,
  'docs/cli.md, Sending a batch, sh': CLI,
  'docs/cli.md, Following a batch, sh': CLI,
  'docs/cli.md, Receiving callbacks, sh': CLI,
  'docs/cli.md, Keys, secrets and callbacks, sh': CLI,
  'docs/cli.md, When something is wrong, sh': CLI,
  'docs/cli.md, Completion, sh': CLI,
  'docs/performance.md, By hand, sh': API,
  'docs/options.md, Trying them, sh': OPTIONS,
  'docs/options.md, Trying them, json': OPTIONS,
  'docs/options.md, Invalid jobs, sh': OPTIONS,
  'docs/options.md, Invalid jobs, json': OPTIONS,
  'docs/options.md, Name and metadata, sh': OPTIONS,
  'docs/options.md, Name and metadata, json': OPTIONS,
  'docs/options.md, Limits of a batch, sh': OPTIONS,
  'docs/options.md, Limits of a batch, json': OPTIONS,
  'docs/options.md, The callback of a batch, sh': OPTIONS,
  'docs/options.md, The callback of a batch, json': OPTIONS,
  'docs/options.md, Priority, sh': OPTIONS,
  'docs/options.md, Priority, json': OPTIONS,
  'docs/options.md, A start and a deadline, sh': OPTIONS,
  'docs/options.md, A start and a deadline, json': OPTIONS,
  'docs/options.md, A stop, sh': OPTIONS,
  'docs/options.md, A stop, json': OPTIONS,
  'docs/options.md, Pausing, sh': OPTIONS,
  'docs/options.md, Pausing, json': OPTIONS,
  'docs/plans.md, An example, sh': PLANS,
  'docs/plans.md, An example, json': PLANS,
  'docs/plans.md, Values of other jobs, sh': PLANS,
  'docs/plans.md, Values of other jobs, json': PLANS,
  'docs/plans.md, A whole import, sh': PLANS,
  'docs/plans.md, A whole import, json': PLANS,
  'docs/plugins.md, An action, ts': PLUGINS,
  'docs/plugins.md, An action, sh': PLUGINS,
  'docs/plugins.md, Its test, ts': PLUGINS,
  'docs/plugins.md, Calling other APIs, sh': PLUGINS,
  'docs/plugins.md, Tables of its own, sql': PLUGINS,
  'docs/plugins.md, Tables of its own, ts': PLUGINS,
  'docs/plugins.md, HTTP routes of its own, ts': PLUGINS,
  'docs/plugins.md, Routes that speak another API, ts': PLUGINS,
  'docs/plugins.md, A project of its own, sh': PACKAGE,
  'docs/plugins.md, A project of its own, ts': PACKAGE,
  'docs/plugins.md, Plugins in a folder of their own, json': PLUGINS,
  'docs/scaling.md, Figures, sh': PLUGINS,
  'docs/scaling.md, One Postgres, sql': PLUGINS,
  'docs/client.md, A client, ts': GUIDES,
  'docs/client.md, A batch and its results, ts': GUIDES,
  'docs/client.md, Many jobs, ts': GUIDES,
  'docs/client.md, Waiting, ts': GUIDES,
  'docs/client.md, Results, ts': GUIDES,
  'docs/client.md, Lists, ts': GUIDES,
  'docs/client.md, Changing a batch, ts': GUIDES,
  'docs/client.md, Actions, ts': GUIDES,
  'docs/client.md, Keys and secrets, ts': GUIDES,
  'docs/client.md, Callbacks, ts': GUIDES,
  'docs/client.md, Errors, ts': GUIDES,
  'docs/integrating.md, What every client does, sh': GUIDES,
  'docs/integrating.md, curl, sh': GUIDES,
  'docs/integrating.md, Node, js': GUIDES,
  'docs/integrating.md, Python, python': GUIDES,
  'docs/integrating.md, A receiver in Python, python': GUIDES,
  'docs/plugin-tutorial.md, 2. The params, ts': GUIDES,
  'docs/plugin-tutorial.md, 3. The action, ts': GUIDES,
  'docs/plugin-tutorial.md, 4. Its test, ts': GUIDES,
  'docs/plugin-tutorial.md, 5. Run it, sh': GUIDES,
  'docs/plugin-tutorial.md, 6. Retries, ts': GUIDES,
  'docs/plugin-tutorial.md, 7. Progress, ts': GUIDES,
  'docs/plugin-tutorial.md, 8. A table, sql': GUIDES,
  'docs/plugin-tutorial.md, 8. A table, ts': GUIDES,
  'docs/plugin-tutorial.md, 9. A route, ts': GUIDES,
  'docs/plugin-tutorial.md, 9. A route, sh': GUIDES,
  'docs/plugin-tutorial.md, 10. A batch, sh': GUIDES,
  'docs/operating.md, systemd, ini': OPERATING,
  'docs/operating.md, A proxy in front, nginx': OPERATING,
  'docs/operating.md, Traces, sh': OPERATING,
  'docs/operating.md, Traces, bash': OPERATING,
  'docs/operating.md, Traces, txt': OPERATING,
  'docs/operating.md, Backup and restore, sh': OPERATING,
  'docs/operating.md, Backup of a running system, sh': OPERATING,
  'docs/operating.md, Restore, sh': OPERATING,
  'docs/operating.md, Metrics, yaml': 'test/docs/grafana.test.ts',
  'CONTRIBUTING.md, Running parts, sh': COMMANDS,
  'docs/lifecycle.md, Batch, mermaid': LIFECYCLE,
  'docs/lifecycle.md, Job, mermaid': LIFECYCLE,
  'docs/lifecycle.md, Callback, mermaid': LIFECYCLE,
  'jobs/os1/README.md, JSON, json': OS1,
  'jobs/os1/README.md, The status, json': OS1,
  'jobs/redjade/README.md, An import, json': REDJADE,
  'jobs/redjade/README.md, The parser report, json': REDJADE,
  'jobs/tracx/README.md, An import, json': TRACX,
  'jobs/tracx/README.md, Errors, json': TRACX,
  'jobs/tracx/README.md, Pointing a client here, sh': TRACX,
};

const NOT_CHECKED: Record<string, string> = {
  'CONTRIBUTING.md, Layers, ': 'a drawing; test/checks holds the table below it',
  'docs/architecture.md, Architecture, mermaid': 'a drawing',
  'docs/lifecycle.md, Chunk message, mermaid': "a drawing; its states are pg-boss's",
  'docs/operating.md, systemd, sh': 'needs systemd as process 1',
  'docs/operating.md, Upgrade and rollback, sh': 'needs a release to upgrade to',
  'docs/scaling.md, PgBouncer, ini': 'needs PgBouncer',
  'docs/scaling.md, A Citus cluster, sql': 'needs a Citus cluster: test/cli/distribute.test.ts has one',
  'docs/scaling.md, A Citus cluster, sh': 'needs a Citus cluster: test/cli/distribute.test.ts has one',
};

const isThere = (key: string) => !isOfRemovedFolder(key);

function keyOf({ page, heading, language }: Block): string {
  return `${page}, ${heading}, ${language}`;
}

const pages = (await repositoryFiles()).filter((path) => path.endsWith('.md'));
const keys = new Set((await Promise.all(pages.map(readBlocks))).flat().map(keyOf));

test('every code block is checked by a test or listed as not checkable', () => {
  assert.deepEqual(
    [...keys].sort(),
    Object.keys({ ...CHECKED_BY, ...NOT_CHECKED })
      .filter(isThere)
      .sort(),
  );
});

test('each test that checks blocks names their page', async () => {
  for (const [key, path] of Object.entries(CHECKED_BY).filter(
    ([key, file]) => file !== 'test/main/start.test.ts' && isThere(key),
  )) {
    const [page = ''] = key.split(', ');
    assert.ok((await readFile(join(ROOT, path), 'utf8')).includes(page), `${path}: ${page}`);
  }
});
