/**
 * What a stored value is before it is sealed: a head of fixed fields, then the value. A small value lies in one record with
 * its head; a large one in a record of its own, which repeats the head, so that listings and conditions never read it.
 *
 * form u8 | revision f64 | modifiedAt f64 | sizeBytes u32 | length of content type u8 | content type | value
 */
export interface Head {
  /** The app's revision at which this was stored; its ETag. */
  revision: number;
  modifiedAt: number;
  sizeBytes: number;
  contentType: string;
  /** Whether the value lies in a record of its own. */
  apart: boolean;
}

/** A page of a thousand small values stays a few megabytes. */
export const maxInlineBytes = 2048;

const inlineForm = 1;
const apartForm = 2;
const fixedBytes = 1 + 8 + 8 + 4 + 1;

export function buildHead(head: Head): Buffer {
  const contentType = Buffer.from(head.contentType, 'latin1');
  const buffer = Buffer.allocUnsafe(fixedBytes + contentType.length);
  buffer.writeUInt8(head.apart ? apartForm : inlineForm, 0);
  buffer.writeDoubleBE(head.revision, 1);
  buffer.writeDoubleBE(head.modifiedAt, 9);
  buffer.writeUInt32BE(head.sizeBytes, 17);
  buffer.writeUInt8(contentType.length, 21);
  contentType.copy(buffer, fixedBytes);
  return buffer;
}

/** @throws Error for a record of a later version, or a cut one */
export function parseHead(record: Buffer): Head {
  const form = record[0];
  if (record.length < fixedBytes || (form !== inlineForm && form !== apartForm))
    throw new Error('cannot read a stored record');
  return {
    revision: record.readDoubleBE(1),
    modifiedAt: record.readDoubleBE(9),
    sizeBytes: record.readUInt32BE(17),
    contentType: record.toString('latin1', fixedBytes, fixedBytes + record.readUInt8(21)),
    apart: form === apartForm,
  };
}

export const valueIn = (record: Buffer): Buffer => record.subarray(fixedBytes + record.readUInt8(21));
