/** The secret that signs the callbacks of the tenant: hidden until somebody asks for it. */
import { useState } from 'preact/hooks';
import { Button, CopyButton } from '../../components/button.tsx';
import { confirm } from '../../components/confirm.tsx';
import { Loaded } from '../../components/notice.tsx';
import { report } from '../../components/toasts.tsx';
import { moment } from '../../state/format.ts';
import type { OwnKey } from '../../state/own-key.ts';
import { type Resource, useResource } from '../../state/resource.ts';
import { client } from '../../state/session.ts';

export function CallbackSecret({ own }: { own: OwnKey }) {
  const [isShown, setShown] = useState(false);
  return (
    <section class="section" aria-labelledby="callback-secret">
      <div class="section-head">
        <h2 id="callback-secret">Callback secret</h2>
        <span class="muted">
          signs the callbacks of the tenant <bdi>{own.tenant}</bdi>
        </span>
        <span class="spring" />
        <Button onPress={() => setShown(!isShown)}>{isShown ? 'Hide' : 'Show'}</Button>
      </div>
      {isShown ? (
        <Secrets own={own} />
      ) : (
        <p class="muted">
          Receivers verify with it that a callback is from this server. Show it to nobody else.
        </p>
      )}
    </section>
  );
}

interface CallbackSecrets {
  secret: string;
  previous: { secret: string; endsAt: string | null }[];
}

function Secrets({ own }: { own: OwnKey }) {
  const secrets: Resource<CallbackSecrets | undefined> = useResource('callback secret', async (signal) =>
    client.peek()?.callbackSecrets({ signal }),
  );
  return (
    <Loaded resource={secrets} what="callback secret">
      {(data) =>
        data && (
          <>
            <Secret text={data.secret} label="Copy the callback secret" />
            {data.previous.map(({ secret, endsAt }) => (
              <div key={secret}>
                <p class="muted after">
                  {endsAt === null
                    ? 'An older one signs beside it for as long as the configuration names it:'
                    : `The one before signs beside it until ${moment(endsAt)}:`}
                </p>
                <Secret text={secret} label="Copy the secret before" />
              </div>
            ))}
            <div class="after">
              {own.isAdmin ? (
                <Button kind="danger" icon="restart" onPress={() => rotate(secrets.reload)}>
                  Replace it
                </Button>
              ) : (
                <p class="muted">Replacing it needs a key with the permission admin.</p>
              )}
            </div>
          </>
        )
      }
    </Loaded>
  );
}

/** A text that is copied by a click. */
export function Secret({ text, label }: { text: string; label: string }) {
  return (
    <div class="command secret">
      <pre>{text}</pre>
      <CopyButton text={() => text} label={label} />
    </div>
  );
}

async function rotate(onRotated: () => void): Promise<void> {
  const isSure = await confirm({
    title: 'Replace the callback secret?',
    text: (
      <>
        From now on callbacks are signed with a new secret, and for 24 h, until{' '}
        {moment(new Date(Date.now() + 86_400_000).toISOString())}, with the old one too. Give receivers the
        new one in that time.
      </>
    ),
    action: 'Replace the secret',
  });
  if (!isSure) return;
  const made = await client.value?.rotateCallbackSecret();
  const endsAt = made?.previous[0]?.endsAt;
  report(
    endsAt ? `The secret is replaced. The old one signs until ${moment(endsAt)}.` : 'The secret is replaced.',
  );
  onRotated();
}
