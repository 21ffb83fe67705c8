import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { Icon, type IconName } from './icons.tsx';
import { reportError } from './toasts.tsx';

interface ButtonProps {
  children?: ComponentChildren;
  icon?: IconName;
  /** `main` for the one action of a view, `danger` for what destroys. */
  kind?: 'main' | 'danger' | 'plain';
  /** The name for screen readers, and the tooltip, of a button that has only an icon. */
  label?: string;
  disabled?: boolean;
  /** Why it is disabled: then the keyboard still reaches it, and screen readers read the reason out. */
  reason?: string | undefined;
  type?: 'button' | 'submit';
  /** A promise keeps the button busy; its error is reported as a toast. */
  onPress?: () => unknown;
}

export function Button({
  children,
  icon,
  kind,
  label,
  disabled,
  reason,
  type = 'button',
  onPress,
}: ButtonProps) {
  const [isBusy, setBusy] = useState(false);
  const reasonId = useId();
  const explains = disabled === true && reason !== undefined;
  const press = async (event: Event) => {
    if (explains) event.preventDefault();
    if (explains || !onPress) return;
    setBusy(true);
    try {
      await onPress();
    } catch (error) {
      reportError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button
        type={type}
        class={`button ${kind ?? ''}`}
        disabled={(disabled && !explains) || isBusy}
        aria-disabled={explains}
        aria-describedby={explains ? reasonId : undefined}
        aria-busy={isBusy}
        aria-label={label}
        title={explains ? reason : label}
        onClick={(event) => void press(event)}
      >
        {icon && <Icon name={icon} />}
        {children}
      </button>
      {explains && (
        <span id={reasonId} class="hidden">
          {reason}
        </span>
      )}
    </>
  );
}

/** Copies a text, and says so. */
export function CopyButton({ text, label }: { text: () => string | Promise<string>; label: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(await text());
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <>
      <Button kind="plain" icon={isCopied ? 'done' : 'copy'} label={label} onPress={copy} />
      <span class="hidden" role="status">
        {isCopied ? 'Copied' : ''}
      </span>
    </>
  );
}
