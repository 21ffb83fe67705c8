/** Says which column becomes which param, and what all rows have in common. */
import { useMemo } from 'preact/hooks';
import { Button } from '../../components/button.tsx';
import type { Schema } from '../../components/form/schema.ts';
import { type Column, Table } from '../../components/table.tsx';
import { type Mapping, paramNames } from './mapping.ts';

interface ColumnsProps {
  /** Of the columns. */
  names: readonly string[];
  /** The cells of the first row. */
  first: readonly string[];
  mapping: Mapping;
  schema: Schema;
  onChange: (mapping: Mapping) => void;
}

const LIST = 'param-names';

export function Columns({ names, first, mapping, schema, onChange }: ColumnsProps) {
  const known = useMemo(() => paramNames(schema), [schema]);
  const setColumn = (index: number, param: string) =>
    onChange({ ...mapping, columns: mapping.columns.with(index, param) });
  const columns: Column<number>[] = [
    { title: 'Column', cell: (index) => <bdi class="clip">{names[index]}</bdi> },
    {
      title: 'First value',
      from: 560,
      cell: (index) => <bdi class="clip muted">{first[index]}</bdi>,
    },
    {
      title: 'Param',
      kind: 'grow',
      cell: (index) => (
        <input
          class="input mono small"
          list={LIST}
          aria-label={`Param of the column ${names[index]}`}
          placeholder="left out"
          value={mapping.columns[index]}
          onInput={({ currentTarget }) => setColumn(index, currentTarget.value)}
        />
      ),
    },
  ];
  return (
    <section class="section" aria-labelledby="columns-title">
      <div class="section-head">
        <h2 id="columns-title">Columns</h2>
        <span class="muted">
          <code>address.city</code> is a member of an object, <code>tags.0</code> an element of a list
        </span>
      </div>
      <datalist id={LIST}>
        {known.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <Table caption="Columns" columns={columns} rows={names.map((_, n) => n)} keyOf={(n) => n} />
      <Fixed mapping={mapping} onChange={onChange} />
    </section>
  );
}

function Fixed({ mapping, onChange }: Pick<ColumnsProps, 'mapping' | 'onChange'>) {
  const { fixed } = mapping;
  const set = (n: number, change: Partial<Mapping['fixed'][number]>) =>
    onChange({ ...mapping, fixed: fixed.map((one, at) => (at === n ? { ...one, ...change } : one)) });
  return (
    <div class="fixed">
      {fixed.map(({ param, text }, n) => (
        <div key={n} class="fixed-row">
          <input
            class="input mono small"
            list={LIST}
            aria-label={`Param ${n + 1} for all rows`}
            placeholder="param"
            value={param}
            onInput={({ currentTarget }) => set(n, { param: currentTarget.value })}
          />
          <span class="muted">is</span>
          <input
            class="input small"
            aria-label={`Value ${n + 1} for all rows`}
            placeholder="value"
            value={text}
            onInput={({ currentTarget }) => set(n, { text: currentTarget.value })}
          />
          <Button
            kind="plain"
            icon="close"
            label={`Remove value ${n + 1}`}
            onPress={() => onChange({ ...mapping, fixed: fixed.toSpliced(n, 1) })}
          />
        </div>
      ))}
      <Button icon="add" onPress={() => onChange({ ...mapping, fixed: [...fixed, { param: '', text: '' }] })}>
        Same value for all rows
      </Button>
    </div>
  );
}
