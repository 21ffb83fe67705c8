/** Encodes rows for a binary COPY: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". */

export const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);
const TEXT_OID = 25;
const INT4_OID = 23;

/** The beginning of a row. */
export function columnCount(count: number): Buffer {
  const buffer = Buffer.allocUnsafe(2);
  buffer.writeInt16BE(count);
  return buffer;
}

/** A column with its length. */
export function field(value: Buffer | null): Buffer {
  return value === null ? int32(-1) : Buffer.concat([int32(value.length), value]);
}

export function int32(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4);
  buffer.writeInt32BE(value);
  return buffer;
}

export function textArray(texts: readonly string[]): Buffer {
  return array(
    TEXT_OID,
    texts.map((text) => Buffer.from(text)),
  );
}

export function int32Array(values: readonly number[]): Buffer {
  return array(INT4_OID, values.map(int32));
}

/** One-dimensional, without nulls: dimensions, null flag, element type, length, lower bound, elements. */
function array(elementType: number, elements: Buffer[]): Buffer {
  if (elements.length === 0) return Buffer.concat([int32(0), int32(0), int32(elementType)]);
  return Buffer.concat([
    int32(1),
    int32(0),
    int32(elementType),
    int32(elements.length),
    int32(1),
    ...elements.map(field),
  ]);
}
