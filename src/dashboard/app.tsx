/** Which page is shown: the key prompt without a key, else the page of the address within the frame. */
import { useEffect } from 'preact/hooks';
import { ConfirmDialog } from './components/confirm.tsx';
import { Heading } from './components/heading.tsx';
import { Notice } from './components/notice.tsx';
import { Toasts } from './components/toasts.tsx';
import { Frame } from './frame.tsx';
import { pages } from './pages/index.ts';
import { SignIn } from './sign-in.tsx';
import { match, path } from './state/place.ts';
import { key } from './state/session.ts';

export function App() {
  return (
    <>
      {key.value === null ? <SignIn /> : <CurrentPage />}
      <ConfirmDialog />
      <Toasts />
    </>
  );
}

function CurrentPage() {
  const here = path.value;
  for (const page of pages) {
    const values = match(page.path, here);
    if (!values) continue;
    const { View, title } = page;
    return (
      <Frame page={page}>
        <Titled key={here} title={title(values)} path={here}>
          <View {...values} />
        </Titled>
      </Frame>
    );
  }
  return (
    <Frame page={undefined}>
      <Titled title="Not found" path={here}>
        <Heading title="Not found" />
        <Notice title="There is no such page">
          <p>
            <a href="#/batches">All batches</a>
          </p>
        </Notice>
      </Titled>
    </Frame>
  );
}

let lastPath = '';

/** Names the document, and moves the focus to a new page, so that screen readers begin there. */
function Titled({
  title,
  path: here,
  children,
}: {
  title: string;
  path: string;
  children: preact.ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${title} · Batchwright`;
    if (lastPath !== '' && lastPath !== here) {
      scrollTo(0, 0);
      document.querySelector<HTMLElement>('#main')?.focus({ preventScroll: true });
    }
    lastPath = here;
  }, [title, here]);
  return <>{children}</>;
}
