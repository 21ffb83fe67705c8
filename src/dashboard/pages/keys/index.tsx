/** API keys of the tenant and the secret that signs its callbacks. They need a key with the permission admin. */
import { useState } from 'preact/hooks';
import type { Key } from '../../../client/index.ts';
import { Button } from '../../components/button.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Heading } from '../../components/heading.tsx';
import { Loaded, Notice } from '../../components/notice.tsx';
import { type Column, Table } from '../../components/table.tsx';
import { Ago } from '../../components/time.tsx';
import { report } from '../../components/toasts.tsx';
import { WithOwnKey } from '../../components/with-own-key.tsx';
import type { Page } from '../../page.ts';
import type { OwnKey } from '../../state/own-key.ts';
import { useResource } from '../../state/resource.ts';
import { client } from '../../state/session.ts';
import { CallbackSecret } from './callback-secret.tsx';
import { NewKeyDialog } from './new-key-dialog.tsx';

function Keys() {
  return (
    <>
      <Heading title="Keys" />
      <WithOwnKey>
        {(own) => (
          <>
            {own.isAdmin ? <KeyList own={own} /> : <NoAdmin own={own} />}
            <CallbackSecret own={own} />
          </>
        )}
      </WithOwnKey>
    </>
  );
}

function NoAdmin({ own: { name, tenant, permissions } }: { own: OwnKey }) {
  return (
    <Notice title="This key may not see keys">
      <p>
        That needs the permission <code>admin</code>. This key, <bdi>{name}</bdi> of the tenant{' '}
        <bdi>{tenant}</bdi>, has {permissions.length === 1 ? 'this permission' : 'these permissions'}:
      </p>
      <Permissions permissions={permissions} />
    </Notice>
  );
}

function KeyList({ own }: { own: OwnKey }) {
  const [isMaking, setMaking] = useState(false);
  const keys = useResource('keys', async (signal) => (await client.peek()?.keys.list({ signal })) ?? []);
  return (
    <>
      <div class="section-head">
        <p class="muted">
          {own.keyId === 'admin' ? 'Of all tenants' : <bdi>Of the tenant {own.tenant}</bdi>}; the admin key is
          not among them.
        </p>
        <span class="spring" />
        <Button kind="main" icon="keys" onPress={() => setMaking(true)}>
          Make a key
        </Button>
      </div>
      <Loaded resource={keys} what="list of keys">
        {(data) =>
          data.length === 0 ? (
            <Notice title="No key is here yet">
              <p>
                Give each program a key of its own, with the permissions that it needs: it can be revoked
                without the others.
              </p>
            </Notice>
          ) : (
            <Table caption="Keys" columns={columnsOf(own, keys.reload)} rows={data} keyOf={({ id }) => id} />
          )
        }
      </Loaded>
      {isMaking && <NewKeyDialog own={own} onMade={keys.reload} onClose={() => setMaking(false)} />}
    </>
  );
}

const columnsOf = (own: OwnKey, onRevoked: () => void): Column<Key>[] => [
  {
    title: 'Key',
    kind: 'wrap',
    cell: ({ id, name, tenant, permissions }) => (
      <span class="key-name">
        <span>
          <strong>
            <bdi>{name}</bdi>
          </strong>{' '}
          {id === own.keyId && <span class="tag">this one</span>}
        </span>
        <span class="muted">
          <bdi>{tenant}</bdi> · <code>{id}</code>
        </span>
        <Permissions permissions={permissions} />
      </span>
    ),
  },
  { title: 'Made', kind: 'number', from: 900, cell: ({ createdAt }) => <Ago at={createdAt} /> },
  {
    title: 'Last used',
    kind: 'number',
    from: 560,
    cell: ({ lastUsedAt }) => (lastUsedAt ? <Ago at={lastUsedAt} /> : <span class="muted">never</span>),
  },
  {
    title: 'Expires',
    kind: 'number',
    from: 560,
    cell: ({ expiresAt }) => (expiresAt ? <Ago at={expiresAt} /> : <span class="muted">never</span>),
  },
  {
    title: 'Revoke',
    kind: 'number',
    cell: (one) => (
      <Button
        kind="danger"
        icon="close"
        label={`Revoke the key ${one.name}`}
        onPress={() => revoke(one, own, onRevoked)}
      >
        <span class="from-560">Revoke</span>
      </Button>
    ),
  },
];

/** At most so many are shown: a key may have a thousand. */
const SHOWN_PERMISSIONS = 12;

function Permissions({ permissions }: { permissions: readonly string[] }) {
  const more = permissions.length - SHOWN_PERMISSIONS;
  return (
    <span class="tags">
      {permissions.slice(0, SHOWN_PERMISSIONS).map((permission) => (
        <code key={permission} class={permission === 'admin' ? 'tag warn' : 'tag'}>
          {permission}
        </code>
      ))}
      {more > 0 && <span class="muted">and {more} more</span>}
    </span>
  );
}

async function revoke({ id, name }: Key, own: OwnKey, onRevoked: () => void): Promise<void> {
  const isSure = await confirm({
    title: 'Revoke this key?',
    text: (
      <>
        <strong>
          <bdi>{name}</bdi>
        </strong>{' '}
        is refused within 5 s, its event streams and downloads end, and nobody can bring it back. Its batches
        go on.
        {id === own.keyId && ' It is the key of this page, which then asks for another one.'}
      </>
    ),
    action: 'Revoke the key',
  });
  if (!isSure) return;
  await client.value?.keys.revoke(id);
  report(`The key ${name} is revoked.`);
  onRevoked();
}

export const keysPage: Page = {
  path: '/keys',
  title: () => 'Keys',
  navigation: { text: 'Keys', icon: 'keys' },
  shortcut: 'k',
  View: Keys,
};
