/** Asks for a key. */
import { useState } from 'preact/hooks';
import { Button } from './components/button.tsx';
import { Brand } from './frame.tsx';
import { refusal, signIn } from './state/session.ts';

export function SignIn() {
  const [value, setValue] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    refusal.value = await signIn(value.trim());
    setBusy(false);
  };
  return (
    <main class="sign-in">
      <form
        class="sign-in-box"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <p class="sign-in-brand">
          <Brand /> Batchwright
        </p>
        <h1>Which key do you have?</h1>
        <p class="muted">
          You see what this key may see. It stays in this tab, and is gone when you close it. Beside the
          server, <code>npx batchwright keys admin</code> shows the admin key.
        </p>
        <label class="field">
          API key
          <input
            class="input mono"
            type="password"
            name="key"
            autocomplete="current-password"
            required
            value={value}
            aria-describedby="refusal"
            aria-invalid={refusal.value !== null}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <p id="refusal" class="inline-error" role="alert">
          {refusal.value}
        </p>
        <Button type="submit" kind="main" disabled={isBusy || value.trim() === ''}>
          {isBusy ? 'Checking…' : 'Open the dashboard'}
        </Button>
      </form>
    </main>
  );
}
