/** Saves the results as a file, those of the filter that the jobs are shown with. */
import { useRef } from 'preact/hooks';
import type { Batch } from '../../../client/index.ts';
import { Button } from '../../components/button.tsx';
import { report } from '../../components/toasts.tsx';
import { download } from '../../state/download.ts';
import { resultFilter } from './filter.ts';

const FORMS = [
  { text: 'CSV', accept: 'text/csv', ending: 'csv' },
  { text: 'JSON lines', accept: 'application/x-ndjson', ending: 'ndjson' },
] as const;

export function ExportButton({ batch: { asyncId } }: { batch: Batch }) {
  const menu = useRef<HTMLDetailsElement>(null);
  const filter = resultFilter();
  const query = filter.toString();
  const save = async ({ accept, ending }: (typeof FORMS)[number]) => {
    if (menu.current) menu.current.open = false;
    const status = filter.get('status');
    const name = `${asyncId}${status ? `-${status}` : ''}.${ending}`;
    if (await download(`/v1/batches/${asyncId}/results${query && `?${query}`}`, accept, name))
      report(`${name} is saved.`);
  };
  return (
    <details ref={menu} class="menu">
      <summary class="button">Export{query && ' what is shown'}</summary>
      <div class="menu-list">
        {FORMS.map((form) => (
          <Button key={form.ending} kind="plain" icon="download" onPress={() => save(form)}>
            {form.text}
          </Button>
        ))}
      </div>
    </details>
  );
}
