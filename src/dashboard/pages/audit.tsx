/** Who changed what, newest first. */
import type { AuditEntry } from '../../client/index.ts';
import type { Page as ClientPage } from '../../client/pages.ts';
import { Heading } from '../components/heading.tsx';
import { Loaded, Notice } from '../components/notice.tsx';
import { Pager } from '../components/pager.tsx';
import { type Column, Table } from '../components/table.tsx';
import { Ago } from '../components/time.tsx';
import { WithOwnKey } from '../components/with-own-key.tsx';
import type { Page } from '../page.ts';
import { go, hrefOf, hrefWith, queryValue } from '../state/place.ts';
import { useResource } from '../state/resource.ts';
import { getJson } from '../state/session.ts';

const ROWS = 50;

/** Events in words; one that is not here is shown by its name. */
const EVENTS: Record<string, string> = {
  'key.created': 'Key made',
  'key.revoked': 'Key revoked',
  'callbackSecret.rotated': 'Callback secret replaced',
  'callback.tested': 'Callback tested',
  'batch.cancelled': 'Batch cancelled',
  'batch.restarted': 'Batch run again',
  'batch.reposted': 'Callback sent again',
  'batch.deleted': 'Batch deleted',
  'batch.paused': 'Batch paused',
  'batch.resumed': 'Batch resumed',
  'action.paused': 'Action paused',
  'action.resumed': 'Action resumed',
  'action.limitsChanged': 'Limits changed',
};

const columns: Column<AuditEntry>[] = [
  { title: 'When', cell: ({ at }) => <Ago at={at} /> },
  { title: 'What', cell: ({ event }) => EVENTS[event] ?? <bdi>{event}</bdi> },
  {
    title: 'Of what',
    kind: 'wrap',
    cell: ({ event, target, details }) => (
      <span class="key-name">
        <Target event={event} target={target} />
        <Details details={details} />
      </span>
    ),
  },
  {
    title: 'By',
    from: 560,
    cell: ({ actor: { keyId } }) => (
      <a class="mono" href={hrefWith({ keyId, cursor: undefined })} title="Show only what this key did">
        <bdi>{keyId}</bdi>
      </a>
    ),
  },
  { title: 'Tenant', from: 900, cell: ({ tenant }) => <bdi>{tenant}</bdi> },
];

function Target({ event, target }: { event: string; target: string }) {
  const isThere = event.startsWith('batch.') && event !== 'batch.deleted';
  return isThere ? (
    <a class="mono" href={hrefOf(`/batches/${target}`)}>
      {target}
    </a>
  ) : (
    <bdi class="mono">{target}</bdi>
  );
}

function Details({ details }: { details: AuditEntry['details'] }) {
  const shown = Object.entries(details).filter(([, value]) => value !== null);
  if (shown.length === 0) return null;
  return (
    <span class="muted">
      {shown.map(([name, value], n) => (
        <span key={name}>
          {n > 0 && ', '}
          {name} <bdi>{typeof value === 'string' ? value : JSON.stringify(value)}</bdi>
        </span>
      ))}
    </span>
  );
}

const FILTERS = ['event', 'target', 'keyId', 'tenant'] as const;

function Audit() {
  return (
    <>
      <Heading title="Audit" />
      <WithOwnKey>
        {(own) =>
          own.isAdmin ? (
            <Changes isOperator={own.isOperator} />
          ) : (
            <Notice title="This key may not read the audit">
              <p>
                That needs the permission <code>admin</code>.
              </p>
            </Notice>
          )
        }
      </WithOwnKey>
    </>
  );
}

function Changes({ isOperator }: { isOperator: boolean }) {
  const given = [...FILTERS, 'cursor'].flatMap((name) => {
    const value = queryValue(name);
    return value === undefined ? [] : [[name, value]];
  });
  const query = new URLSearchParams([['limit', String(ROWS)], ...given]);
  const entries = useResource(`audit ${query}`, (signal) =>
    getJson<ClientPage<AuditEntry>>(`/v1/audit?${query}`, signal),
  );
  return (
    <>
      <Filters isOperator={isOperator} />
      <Loaded resource={entries} what="audit">
        {({ data, nextCursor }) => (
          <>
            {data.length === 0 ? (
              <Notice title={given.length > 0 ? 'Nothing matches these filters' : 'Nothing was changed yet'}>
                {given.length > 0 && <a href={hrefOf('/audit')}>Show all</a>}
              </Notice>
            ) : (
              <Table caption="Changes" columns={columns} rows={data} keyOf={({ id }) => id} />
            )}
            <Pager label="Pages of changes" nextCursor={nextCursor} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Filters({ isOperator }: { isOperator: boolean }) {
  const set = (name: string, value: string) =>
    go(hrefWith({ [name]: value || undefined, cursor: undefined }));
  return (
    <search class="filters" aria-label="Filters">
      <label class="field">
        What
        <select
          class="select"
          value={queryValue('event') ?? ''}
          onChange={({ currentTarget }) => set('event', currentTarget.value)}
        >
          <option value="">Everything</option>
          {Object.entries(EVENTS).map(([event, text]) => (
            <option key={event} value={event}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <FilterText name="target" label="Of what" hint="asyncId, key, action" set={set} />
      <FilterText name="keyId" label="By" hint="id of a key, or admin" set={set} />
      {isOperator && <FilterText name="tenant" label="Tenant" hint="all" set={set} />}
    </search>
  );
}

interface FilterTextProps {
  name: string;
  label: string;
  hint: string;
  set: (name: string, value: string) => void;
}

function FilterText({ name, label, hint, set }: FilterTextProps) {
  return (
    <label class="field">
      {label}
      <input
        class="input mono"
        name={name}
        placeholder={hint}
        value={queryValue(name) ?? ''}
        data-filter={name === 'target' ? '' : undefined}
        onChange={({ currentTarget }) => set(name, currentTarget.value.trim())}
      />
    </label>
  );
}

export const auditPage: Page = {
  path: '/audit',
  title: () => 'Audit',
  navigation: { text: 'Audit', icon: 'audit' },
  shortcut: 'u',
  View: Audit,
};
