/** Makes a key, and shows it once. */
import { useState } from 'preact/hooks';
import type { Key, NewKey } from '../../../client/index.ts';
import { Button } from '../../components/button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { errorText } from '../../components/toasts.tsx';
import { moment } from '../../state/format.ts';
import type { OwnKey } from '../../state/own-key.ts';
import { useResource } from '../../state/resource.ts';
import { client } from '../../state/session.ts';
import { Secret } from './callback-secret.tsx';

type MadeKey = Key & { key: string; secret?: string };

interface NewKeyProps {
  own: OwnKey;
  onMade: () => void;
  onClose: () => void;
}

export function NewKeyDialog({ own, onMade, onClose }: NewKeyProps) {
  const [made, setMade] = useState<MadeKey>();
  return made ? (
    <Dialog title="The key is made" onClose={onClose}>
      <Made made={made} onClose={onClose} />
    </Dialog>
  ) : (
    <Dialog title="Make a key" onClose={onClose}>
      <NewKeyForm
        own={own}
        onClose={onClose}
        onMade={(key) => {
          setMade(key);
          onMade();
        }}
      />
    </Dialog>
  );
}

function Made({ made, onClose }: { made: MadeKey; onClose: () => void }) {
  return (
    <div class="dialog-form">
      <p>
        <strong>Copy it now.</strong> The server keeps only its hash, and nobody can see it again.
      </p>
      <Secret text={made.key} label="Copy the key" />
      {made.secret !== undefined && (
        <>
          <p>The secret with which its client signs requests is shown only now too:</p>
          <Secret text={made.secret} label="Copy the signing secret" />
        </>
      )}
      <p class="muted">
        <bdi>{made.name}</bdi>, tenant <bdi>{made.tenant}</bdi>,{' '}
        {made.expiresAt === null ? 'does not expire' : `expires at ${moment(made.expiresAt)}`}
      </p>
      <div class="dialog-buttons">
        <Button kind="main" onPress={onClose}>
          I have it
        </Button>
      </div>
    </div>
  );
}

function NewKeyForm({
  own,
  onMade,
  onClose,
}: {
  own: OwnKey;
  onMade: (made: MadeKey) => void;
  onClose: () => void;
}) {
  const [values, setValues] = useState({
    name: '',
    tenant: own.tenant,
    permissions: '',
    expires: '',
    isAdmin: false,
    signs: false,
  });
  const [refusal, setRefusal] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const change = (changes: Partial<typeof values>) => setValues({ ...values, ...changes });
  const wanted = wantedOf(values);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setRefusal(undefined);
    try {
      const made = await client.value?.keys.create(wanted);
      if (made) onMade(made);
    } catch (error) {
      setRefusal(errorText(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="dialog-form" onSubmit={(event) => void submit(event)}>
      <label class="field">
        Name
        <input
          class="input"
          name="name"
          required
          maxLength={200}
          placeholder="which program has it"
          value={values.name}
          onInput={({ currentTarget }) => change({ name: currentTarget.value })}
        />
      </label>
      {own.keyId === 'admin' && (
        <label class="field">
          Tenant
          <input
            class="input mono"
            name="tenant"
            required
            value={values.tenant}
            onInput={({ currentTarget }) => change({ tenant: currentTarget.value })}
          />
        </label>
      )}
      <PermissionsField value={values.permissions} onChange={(permissions) => change({ permissions })} />
      <label class="check">
        <input
          type="checkbox"
          checked={values.isAdmin}
          onChange={({ currentTarget }) => change({ isAdmin: currentTarget.checked })}
        />
        <span>admin: makes and revokes keys, replaces the callback secret, reads the audit</span>
      </label>
      <div class="field">
        <label class="field">
          Expires
          <input
            class="input"
            type="datetime-local"
            name="expires"
            aria-describedby="expires-hint"
            value={values.expires}
            onInput={({ currentTarget }) => change({ expires: currentTarget.value })}
          />
        </label>
        <span class="hint" id="expires-hint">
          Empty: it does not expire before the key that makes it.
        </span>
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={values.signs}
          onChange={({ currentTarget }) => change({ signs: currentTarget.checked })}
        />
        <span>Its client signs requests (IWS): the key comes with a secret</span>
      </label>
      <p class="inline-error" role="alert">
        {refusal}
      </p>
      <div class="dialog-buttons">
        <Button onPress={onClose}>Cancel</Button>
        <Button
          type="submit"
          kind="main"
          disabled={isBusy || wanted.name === '' || wanted.permissions.length === 0}
        >
          Make the key
        </Button>
      </div>
    </form>
  );
}

function PermissionsField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const actions = useResource(
    'actions',
    async (signal) => (await client.peek()?.actions.list({ signal })) ?? [],
  );
  const spaces = [...new Set((actions.data ?? []).map(({ permission }) => permission.split('.', 1)[0]))];
  const chosen = partsOf(value);
  const toggle = (permission: string) =>
    onChange(
      (chosen.includes(permission)
        ? chosen.filter((other) => other !== permission)
        : [...chosen, permission]
      ).join(' '),
    );
  return (
    <div class="field">
      <label class="field">
        Permissions
        <input
          class="input mono"
          name="permissions"
          aria-describedby="permissions-hint"
          autocomplete="off"
          spellcheck={false}
          placeholder="participants.* contact.addOrUpdateContact"
          value={value}
          onInput={({ currentTarget }) => onChange(currentTarget.value)}
        />
      </label>
      <span class="hint" id="permissions-hint">
        Of actions, apart by blanks. A batch needs that of each of its actions.
      </span>
      <span class="tags">
        {['*', ...spaces.map((space) => `${space}.*`)].map((permission) => (
          <button
            key={permission}
            type="button"
            class="chip mono"
            aria-pressed={chosen.includes(permission)}
            onClick={() => toggle(permission)}
          >
            {permission}
          </button>
        ))}
      </span>
    </div>
  );
}

function partsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '');
}

interface Values {
  name: string;
  tenant: string;
  permissions: string;
  expires: string;
  isAdmin: boolean;
  signs: boolean;
}

function wantedOf({ name, tenant, permissions, expires, isAdmin, signs }: Values): NewKey {
  return {
    name: name.trim(),
    tenant: tenant.trim(),
    permissions: [...new Set([...partsOf(permissions), ...(isAdmin ? ['admin'] : [])])],
    ...(expires === '' ? {} : { expiresAt: new Date(expires).toISOString() }),
    ...(signs ? { signing: 'IWS' as const } : {}),
  };
}
