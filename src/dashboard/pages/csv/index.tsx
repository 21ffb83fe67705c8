/** Runs an action for each row of a CSV file: the file, its preview, the columns, a check, and the batch. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { DELIMITERS, type Delimiter, delimiterOf } from '../../../csv/delimiter.ts';
import { Button } from '../../components/button.tsx';
import type { Schema } from '../../components/form/schema.ts';
import { Heading } from '../../components/heading.tsx';
import { Loaded } from '../../components/notice.tsx';
import type { Page } from '../../page.ts';
import { type ActionText, useAction } from '../../state/action.ts';
import { bytes } from '../../state/format.ts';
import { useOwnKey } from '../../state/own-key.ts';
import { hrefOf } from '../../state/place.ts';
import { Columns } from './columns.tsx';
import { DropZone } from './drop-zone.tsx';
import { firstMapping, type Mapping, namedMapping, paramsMaker } from './mapping.ts';
import { Preview } from './preview.tsx';
import { type CsvFile, type CsvRow, ENCODINGS, type Encoding, headOf, rowsOf } from './read.ts';
import { Submit } from './submit.tsx';

/** The header, and what the preview shows. */
const FIRST_ROWS = 6;
const DELIMITER_NAMES: Record<Delimiter, string> = { ',': 'Comma', ';': 'Semicolon', '\t': 'Tab' };

function CsvView({ name = '' }: { name?: string }) {
  const action = useAction(name);
  const own = useOwnKey();
  return (
    <>
      <Heading
        above={[
          { text: 'Actions', href: '#/actions' },
          { text: name, href: hrefOf(`/actions/${encodeURIComponent(name)}`) },
        ]}
        title="Run for a CSV file"
      />
      <Loaded resource={action} what="action">
        {(data) => {
          const isRefused = own?.mayRun(data.permission) === false;
          return (
            <>
              <p class="lead">
                Each row becomes a job of <code>{data.name}</code>, its cells the params. The first line has
                the names of the columns.
              </p>
              {isRefused && (
                <p class="refusal">
                  This key may not run it: it lacks the permission {data.permission}. You can look at a file,
                  and neither check nor run it.
                </p>
              )}
              <Csv action={data} isRefused={isRefused} />
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function Csv({ action, isRefused }: { action: ActionText; isRefused: boolean }) {
  const [file, setFile] = useState<File>();
  if (!file) return <DropZone onFile={setFile} />;
  return (
    <FileView
      // Another file begins anew
      key={`${file.name} ${file.size} ${file.lastModified}`}
      {...{ file, action, isRefused }}
      onClose={() => setFile(undefined)}
    />
  );
}

interface FileViewProps {
  file: File;
  action: ActionText;
  isRefused: boolean;
  onClose: () => void;
}

function FileView({ file, action, isRefused, onClose }: FileViewProps) {
  const [encoding, setEncoding] = useState<Encoding>('utf-8');
  const [chosen, setChosen] = useState<Delimiter>();
  const first = useFirstRows(file, encoding, chosen);
  return (
    <>
      <div class="file-bar">
        <strong>
          <bdi>{file.name}</bdi>
        </strong>
        <span class="muted">{bytes(file.size)}</span>
        <label class="inline-field">
          Delimiter
          <select
            class="select small"
            value={chosen ?? first.source?.delimiter ?? ''}
            onChange={({ currentTarget }) => setChosen(currentTarget.value as Delimiter)}
          >
            {DELIMITERS.map((delimiter) => (
              <option key={delimiter} value={delimiter}>
                {DELIMITER_NAMES[delimiter]}
              </option>
            ))}
          </select>
        </label>
        <label class="inline-field">
          Encoding
          <select
            class="select small"
            value={encoding}
            onChange={({ currentTarget }) => setEncoding(currentTarget.value as Encoding)}
          >
            {ENCODINGS.map((one) => (
              <option key={one} value={one}>
                {one.toUpperCase()}
              </option>
            ))}
          </select>
        </label>
        <span class="spring" />
        <Button onPress={onClose}>Another file</Button>
      </div>
      <p class="form-fault" role="alert">
        {first.problem}
      </p>
      {first.source && first.rows.length > 0 && (
        <Rows
          key={`${first.source.encoding} ${first.source.delimiter}`}
          source={first.source}
          rows={first.rows}
          {...{ action, isRefused }}
        />
      )}
    </>
  );
}

interface FirstRows {
  source?: CsvFile;
  rows: CsvRow[];
  problem: string | null;
}

function useFirstRows(file: File, encoding: Encoding, chosen: Delimiter | undefined): FirstRows {
  const [first, setFirst] = useState<FirstRows>({ rows: [], problem: null });
  useEffect(() => {
    let isCurrent = true;
    loadFirstRows(file, encoding, chosen).then(
      (loaded) => isCurrent && setFirst(loaded),
      (error: Error) => isCurrent && setFirst({ rows: [], problem: error.message }),
    );
    return () => {
      isCurrent = false;
    };
  }, [file, encoding, chosen]);
  return first;
}

async function loadFirstRows(
  file: File,
  encoding: Encoding,
  chosen: Delimiter | undefined,
): Promise<FirstRows> {
  const delimiter = chosen ?? delimiterOf(await headOf(file, encoding));
  const source = { file, encoding, delimiter };
  const rows: CsvRow[] = [];
  try {
    for await (const row of rowsOf(source)) {
      rows.push(row);
      if (rows.length === FIRST_ROWS) break;
    }
  } catch (error) {
    return { source, rows, problem: (error as Error).message };
  }
  const problem =
    rows.length === 0 ? 'The file is empty.' : rows.length === 1 ? 'The file has a header and no row.' : null;
  return { source, rows, problem };
}

interface RowsProps {
  source: CsvFile;
  /** The header and the first rows. */
  rows: CsvRow[];
  action: ActionText;
  isRefused: boolean;
}

function Rows({ source, rows: [header, ...rows], action, isRefused }: RowsProps) {
  const schema = action.params as Schema;
  const names = header?.cells ?? [];
  const [mapping, setMapping] = useState<Mapping>(() => firstMapping(names, schema));
  const made = useMemo(() => {
    try {
      return { params: paramsMaker(mapping, schema), problem: null };
    } catch (error) {
      return { params: undefined, problem: capital((error as Error).message) };
    }
  }, [mapping, schema]);
  return (
    <>
      <Columns {...{ names, mapping, schema }} first={rows[0]?.cells ?? []} onChange={setMapping} />
      <p class="form-fault" role="alert">
        {made.problem}
      </p>
      {made.params && <Preview names={names} rows={rows} params={made.params} />}
      {made.params && rows.length > 0 && (
        <Submit
          {...{ source, action, isRefused }}
          named={namedMapping(names, mapping)}
          params={made.params}
        />
      )}
    </>
  );
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

export const csvPage: Page = {
  path: '/actions/:name/csv',
  title: ({ name = '' }) => `CSV for ${name}`,
  View: CsvView,
};
