/** Where a file is chosen: by the button, the keyboard, or by dropping it. */
import { useState } from 'preact/hooks';
import { Icon } from '../../components/icons.tsx';

export function DropZone({ onFile }: { onFile: (file: File) => void }) {
  const [isOver, setOver] = useState(false);
  const take = (files: FileList | null | undefined) => {
    const [file] = files ?? [];
    if (file) onFile(file);
  };
  return (
    <label
      class={`drop ${isOver ? 'over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      <Icon name="table" />
      <span class="drop-title">Choose a CSV file</span>
      <span class="muted">or drop it here. It is read in your browser, and sent when you say so.</span>
      <input
        class="drop-input"
        type="file"
        accept=".csv,.tsv,.txt,text/csv,text/plain"
        onChange={({ currentTarget }) => take(currentTarget.files)}
      />
    </label>
  );
}
