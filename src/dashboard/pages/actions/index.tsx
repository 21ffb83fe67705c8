/** All actions: what can be run, and what this key may run of it. */
import type { Action } from '../../../client/index.ts';
import { Heading } from '../../components/heading.tsx';
import { Loaded, Notice } from '../../components/notice.tsx';
import { type Column, Table } from '../../components/table.tsx';
import type { Page } from '../../page.ts';
import { useActionLimits, useActions } from '../../state/action.ts';
import { counted } from '../../state/format.ts';
import { useOwnKey } from '../../state/own-key.ts';
import { hrefOf, hrefWith, queryValue, replace } from '../../state/place.ts';

interface Row extends Action {
  isPaused: boolean;
  isRefused: boolean;
}

const columns: Column<Row>[] = [
  {
    title: 'Action',
    cell: ({ name }) => (
      <a class="row-link mono" href={hrefOf(`/actions/${encodeURIComponent(name)}`)}>
        {name}
      </a>
    ),
  },
  { title: 'What it does', kind: 'wrap', from: 560, cell: ({ summary }) => <bdi>{summary}</bdi> },
  { title: 'Permission', from: 1200, cell: ({ permission }) => <span class="mono muted">{permission}</span> },
  {
    title: 'State',
    cell: ({ isPaused, isRefused }) => (
      <span class="tags">
        {isPaused && <span class="tag warn">paused</span>}
        {isRefused && <span class="tag">not for this key</span>}
        {!isPaused && !isRefused && <span class="muted">can be run</span>}
      </span>
    ),
  },
];

function ActionsView() {
  const actions = useActions();
  const limits = useActionLimits();
  const own = useOwnKey();
  const search = queryValue('search') ?? '';
  const isPaused = (name: string) => limits.data?.some((one) => one.name === name && one.paused) ?? false;
  return (
    <>
      <Heading
        title="Actions"
        buttons={
          <input
            class="input search"
            type="search"
            data-filter
            name="search"
            aria-label="Search actions"
            placeholder="Search (/)"
            value={search}
            onInput={({ currentTarget }) => replace(hrefWith({ search: currentTarget.value }))}
          />
        }
      />
      <Loaded resource={actions} what="list of actions">
        {(all) => {
          const found = all.filter((action) => isFound(action, search));
          return (
            <>
              <p class="hidden" role="status">
                {search && `${counted(found.length, 'action')} found`}
              </p>
              {found.length === 0 ? (
                <Notice title={search ? 'No action has these words' : 'This server has no action'}>
                  {search && <a href={hrefWith({ search: undefined })}>Show all actions</a>}
                </Notice>
              ) : (
                <Table
                  caption="Actions"
                  columns={columns}
                  rows={found.map((action) => ({
                    ...action,
                    isPaused: isPaused(action.name),
                    isRefused: own?.mayRun(action.permission) === false,
                  }))}
                  keyOf={({ name }) => name}
                />
              )}
            </>
          );
        }}
      </Loaded>
    </>
  );
}

/** Each word is somewhere in the name or the summary. */
function isFound({ name, summary }: Action, search: string): boolean {
  const text = `${name} ${summary}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export const actionsPage: Page = {
  path: '/actions',
  title: () => 'Actions',
  navigation: { text: 'Actions', icon: 'actions' },
  shortcut: 'a',
  View: ActionsView,
};
