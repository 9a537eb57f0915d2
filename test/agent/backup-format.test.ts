import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { endOfTar, headerOf, padding } from '#common/archive/tar.js';
import { keysOf, newBackupCode, recipientOf } from '#common/backup/code.js';
import { type BackupParts, type BackupSink, readBackup, writeBackup } from '#common/backup/format.js';
import { buildRow, parseRows, type Row } from '#common/backup/rows.js';
import { seal, unseal } from '#common/backup/sealed.js';
import type { BackupHead } from '#contract/backup.js';
import { Refusal } from '#contract/problems.js';
import { ownFolder } from '../support/folder.js';

const code = newBackupCode();
const { identity, macKey } = keysOf(code);
const recipient = await recipientOf(identity);
const folder = await ownFolder(t);
const blob = path.join(folder, 'blob');
const blobBytes = Buffer.from('a layer'.repeat(1000));
await writeFile(blob, blobBytes);

const head: BackupHead = {
  format: 'webizen-backup-1',
  id: '0123456789abcdef',
  at: 1_800_000_000_000,
  store: 1,
  agent: '0.1.0',
  box: { name: 'webizen-7k3f', id: 'box-8f3kq0vz7ahm', territory: 'home' },
  ledger: null,
  apps: [],
};
const rows: Record<string, Row[]> = {
  values: [
    { key: 'example.visits!a', value: Buffer.alloc(3000, 1) },
    { key: 'example.visits!b', value: Buffer.alloc(1_200_000, 2) },
    { key: 'example.visits!c', value: Buffer.alloc(0) },
  ],
  grants: [{ key: 'example.visits!storage', value: Buffer.from('{"a":1}') }],
};
const parts: BackupParts = {
  head,
  owner: Buffer.from('{"version":1}'),
  keys: new Map([['example.visits', Buffer.from('{"key":"x"}')]]),
  async *rows(concern) {
    yield* rows[concern] ?? [];
  },
  blobs: [{ digest: createHash('sha256').update(blobBytes).digest('hex'), size: blobBytes.length, file: blob }],
  macKey,
};

async function whole(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
async function* cut(bytes: Uint8Array, size = 50_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function collecting() {
  const found = { rows: [] as string[], keys: [] as string[], owner: '', blobs: 0 };
  const take = async (piece: Uint8Array): Promise<void> => {
    found.blobs += piece.length;
  };
  const sink: BackupSink = {
    head: () => {},
    owner: (bytes) => {
      found.owner = bytes.toString();
    },
    key: (app) => void found.keys.push(app),
    rows: (concern, some) => {
      for (const { key, value } of some) found.rows.push(`${concern} ${key} ${value.length}`);
    },
    blob: async () => ({ write: take, end: async () => {} }),
  };
  return { found, sink };
}
const read = async (sealed: AsyncIterable<Uint8Array>, keys = { identity, macKey }) => {
  const { found, sink } = collecting();
  await readBackup(unseal(sealed, keys.identity), { macKey: keys.macKey, sink, storeVersion: 1 });
  return found;
};
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'passed',
    (error: unknown) => (error instanceof Refusal ? error.code : `not refused: ${String(error)}`),
  );

const written = await whole(seal(writeBackup(parts), recipient));
const tar = await whole(writeBackup(parts));

t.test('what was written is read back, in whatever pieces it comes', async (t) => {
  for (const size of [1 << 20, 65_537, 4096]) {
    const found = await read(cut(written, size));
    t.same(found.keys, ['example.visits']);
    t.equal(found.owner, '{"version":1}');
    t.equal(found.blobs, blobBytes.length);
    t.same(found.rows, [
      'values example.visits!a 3000',
      'values example.visits!b 1200000',
      'values example.visits!c 0',
      'grants example.visits!storage 7',
    ]);
  }
});

t.test('keys of apps whose names begin alike are read back', async (t) => {
  const names = ['example.visits', 'example.visits-two', 'example.visits.b', 'example.visits0', 'example'];
  const keys = new Map(names.map((name) => [name, Buffer.from('{"key":"x"}')]));
  const found = await read(seal(writeBackup({ ...parts, keys }), recipient));
  t.same(found.keys.sort(), names.sort());
});

t.test('a code is forgiven case, blanks and dashes; a wrong character is told before anything is read', async (t) => {
  t.same(keysOf(` ${code.toLowerCase().replaceAll('-', ' ')} `), { identity, macKey });
  const wrong = code.replace(/.$/, code.endsWith('0') ? '1' : '0');
  t.throws(() => keysOf(wrong), { code: 'backup-code-invalid' });
  t.throws(() => keysOf(''), { code: 'backup-code-invalid' });
});

t.test('another code opens nothing', async (t) => {
  t.equal(await codeOf(read(cut(written), keysOf(newBackupCode()))), 'backup-code-wrong');
});

t.test('whoever knows the recipient alone cannot make a backup that counts as the owner’s', async (t) => {
  const forged = seal(writeBackup({ ...parts, macKey: keysOf(newBackupCode()).macKey }), recipient);
  t.equal(await codeOf(read(forged)), 'backup-not-own');
});

t.test('any flipped bit, any cut and anything behind the end is refused', async (t) => {
  const small = await whole(seal(writeBackup({ ...parts, rows: async function* () {}, blobs: [] }), recipient));
  await fc.assert(
    fc.asyncProperty(fc.nat(small.length - 1), fc.nat(7), async (at, bit) => {
      const altered = Buffer.from(small);
      altered[at] = (altered[at] ?? 0) ^ (1 << bit);
      return /^backup-(broken|none|code-wrong)$/.test(await codeOf(read(cut(altered))));
    }),
    { numRuns: 200 },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(small.length - 1), async (length) =>
      /^backup-(broken|none)$/.test(await codeOf(read(cut(small.subarray(0, length))))),
    ),
    { numRuns: 100 },
  );
  t.equal(await codeOf(read(cut(Buffer.concat([small, Buffer.from('x')])))), 'backup-broken');
  // Chunks in another order: the second and the third of the large one.
  const chunk = 65_536 + 16;
  const start = written.indexOf('\n', written.indexOf('\n--- ') + 1) + 1 + 16;
  const swapped = Buffer.from(written);
  written.copy(swapped, start + chunk, start + 2 * chunk, start + 3 * chunk);
  written.copy(swapped, start + 2 * chunk, start + chunk, start + 2 * chunk);
  t.equal(await codeOf(read(cut(swapped))), 'backup-broken');
  t.equal(
    await codeOf(read(cut(Buffer.concat([written.subarray(0, start + chunk), written.subarray(start + 2 * chunk)])))),
    'backup-broken',
  );
});

t.test('whatever else comes is no backup, and is not read without end', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) =>
      /^backup-(none|broken)$/.test(await codeOf(read(cut(bytes)))),
    ),
  );
  let asked = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('age-encryption.org/v1\n');
    for (;;) {
      asked += 1;
      yield Buffer.from('-> X25519 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ');
    }
  }
  t.equal(await codeOf(read(endless())), 'backup-none');
  t.ok(asked < 200);
});

/** A tar of these files, as somebody with the code could make it. */
async function hostile(files: [name: string, bytes: Buffer, size?: number][]): Promise<string> {
  const pieces = files.flatMap(([name, bytes, size = bytes.length]) => [
    headerOf({ name, size }),
    bytes,
    padding(bytes.length),
  ]);
  return codeOf(read(seal(cut(Buffer.concat([...pieces, endOfTar])), recipient)));
}

t.test('names lead nowhere, sizes are bounded, and each file has its place', async (t) => {
  const first: [string, Buffer] = ['webizen-backup.json', Buffer.from(JSON.stringify(head))];
  const empty = Buffer.alloc(0);
  for (const name of [
    'keys/../../etc/shadow.key',
    '../owner.json',
    '/etc/passwd',
    'keys/UPPER case.key',
    'keys/a/b.key',
    'rows/outbox/00000000',
    'rows/values/1',
    'blobs/../x',
    `blobs/${'A'.repeat(64)}`,
    'membership.json',
  ])
    t.equal(await hostile([first, [name, empty]]), 'backup-broken', name);
  t.equal(await hostile([first, ['owner.json', Buffer.alloc(70_000)]]), 'backup-broken', 'too large');
  t.equal(await hostile([first, ['rows/values/00000000', empty, 8_000_000_000]]), 'backup-broken', 'a huge size');
  t.equal(await hostile([['owner.json', empty], first]), 'backup-broken', 'the head comes first');
  t.equal(await hostile([first, first]), 'backup-broken', 'twice');
  t.equal(await hostile([first, ['rows/values/00000001', empty], ['rows/apps/00000000', empty]]), 'backup-broken');
  t.equal(await hostile([first, [`blobs/${'0'.repeat(64)}`, Buffer.from('other')]]), 'backup-broken', 'another blob');
  t.equal(await hostile([first]), 'backup-broken', 'no end');
  t.equal(
    await hostile([first, ['end.json', Buffer.from(JSON.stringify({ files: 1, mac: '0'.repeat(64) }))]]),
    'backup-not-own',
  );
  t.equal(await hostile([first, ['end.json', Buffer.from('{}')]]), 'backup-broken');
});

t.test('a backup of a newer form or store is told as such', async (t) => {
  const one = (change: object): [string, Buffer] => [
    'webizen-backup.json',
    Buffer.from(JSON.stringify({ ...head, ...change }, null, 1)),
  ];
  t.equal(await hostile([one({ format: 'webizen-backup-2' })]), 'backup-newer');
  t.equal(await hostile([one({ format: 'webizen-backup-9', at: 'some other way', box: 1 })]), 'backup-newer');
  t.equal(await hostile([one({ store: 2 })]), 'backup-newer');
  t.equal(await hostile([one({ format: 'another' })]), 'backup-broken');
});

t.test('rows that were built are parsed to what they were built from, and damage is refused', async (t) => {
  const row = fc.record({
    key: fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }),
    value: fc.uint8Array({ maxLength: 200 }),
  });
  fc.assert(
    fc.property(fc.array(row), (some) => {
      const back = parseRows(Buffer.concat(some.map(buildRow)));
      t.same(
        back.map(({ key, value }) => [key, [...value]]),
        some.map(({ key, value }) => [key, [...value]]),
      );
    }),
    { numRuns: 50 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        return Buffer.concat(parseRows(Buffer.from(bytes)).map(buildRow)).equals(Buffer.from(bytes));
      } catch (error) {
        return error instanceof Refusal && error.code === 'backup-broken';
      }
    }),
  );
});

t.test('the tar is one that others read', async (t) => {
  t.equal(tar.subarray(0, 19).toString(), 'webizen-backup.json');
  t.equal(tar.length % 512, 0);
});

t.test('what is written here the library of age opens, and what it writes is opened here', async (t) => {
  const { Decrypter, Encrypter } = await import('age-encryption');
  for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]) {
    const bytes = Buffer.alloc(length, length % 251);
    const ours = await whole(seal(cut(bytes), recipient));
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    t.ok(bytes.equals(await decrypter.decrypt(ours)), `${length} bytes of ours`);
    const encrypter = new Encrypter();
    encrypter.addRecipient(recipient);
    t.ok(bytes.equals(await whole(unseal(cut(await encrypter.encrypt(bytes)), identity))), `${length} bytes of theirs`);
  }
});
