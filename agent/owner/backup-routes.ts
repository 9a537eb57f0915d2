/** The owner's API about backups, and what of it a box without an owner offers to whoever proved the label's code. */
import { Readable } from 'node:stream';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  BackupSettings,
  type BackupView,
  backupCodeHeader,
  FromDisk,
  largestBackup,
  Restore,
  ToDisk,
} from '#contract/backup.js';
import { Refusal } from '#contract/problems.js';
import type { OwnerSigner } from '../consent/ledger.js';
import type { Access } from './access.js';
import type { BodyDeadlines } from './body-deadlines.js';
import type { OwnerFeatures } from './features.js';
import { arriving } from './upload.js';

const owner = { ownerAccess: 'owner' } as const;
const setup = { ownerAccess: 'setup' } as const;
/** The longest pause of a sender or a taker. */
const pauseMilliseconds = 60_000;
/** What the owner types before what is here is replaced. */
const word = 'restore';

interface BackupRouteParts {
  backup: NonNullable<OwnerFeatures['backup']>;
  access: Access;
  deadlines: BodyDeadlines;
}

export function declareBackupRoutes(plain: FastifyInstance, parts: BackupRouteParts): void {
  declareMaking(plain, parts);
  const { access } = parts;
  declareRestoring(plain, parts, { below: '/v1/backup', config: owner, signerOf: access.signerOf });
  declareRestoring(plain, parts, { below: '/v1/setup/backup', config: setup, signerOf: () => undefined });
}

function declareMaking(plain: FastifyInstance, { backup, access }: BackupRouteParts): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.post('/v1/backup/code', { config: owner }, async (request) => backup.newCode(access.signerOf(request)));
  app.put('/v1/backup/settings', { config: owner, schema: { body: BackupSettings } }, async (request, reply) => {
    await backup.set(request.body, access.signerOf(request));
    return reply.code(204).send();
  });
  app.post('/v1/backup/disk', { config: owner, schema: { body: ToDisk } }, async (request, reply) => {
    await backup.toDisk(request.body.disk, access.signerOf(request));
    return reply.code(202).send({ change: null });
  });
  app.get('/v1/backup/file', { config: owner }, async (request, reply) => {
    const { name, pieces } = await backup.file(access.signerOf(request));
    const stream = Readable.from(pieces, { objectMode: false, highWaterMark: 256 * 1024 });
    const { socket } = request.raw;
    // Whoever takes nothing any more holds up the next backup.
    const stalled = (): void => void stream.destroy(new Error('nobody takes it'));
    socket.setTimeout(pauseMilliseconds, stalled);
    stream.once('close', () => socket.setTimeout(0, stalled));
    return reply
      .headers({ 'content-disposition': `attachment; filename="${name}"` })
      .type('application/octet-stream')
      .send(stream);
  });
  app.delete('/v1/backup/restored', { config: owner }, async (_request, reply) => {
    await backup.seen();
    return reply.code(204).send();
  });
}

function declareRestoring(
  plain: FastifyInstance,
  { backup, deadlines }: BackupRouteParts,
  way: {
    below: string;
    config: { ownerAccess: 'owner' | 'setup' };
    signerOf: (request: FastifyRequest) => OwnerSigner | undefined;
  },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { below, config, signerOf } = way;

  app.get(below, { config }, async (): Promise<BackupView> => backup.view());
  app.post(`${below}/look-on-disk`, { config, schema: { body: FromDisk } }, async (request, reply) => {
    await backup.lookOnDisk(request.body);
    return reply.code(202).send({ change: null });
  });
  app.delete(`${below}/found`, { config }, async (_request, reply) => {
    await backup.forget();
    return reply.code(204).send();
  });
  app.post(`${below}/restore`, { config, schema: { body: Restore } }, async (request, reply) => {
    if (request.body.word.trim().toLowerCase() !== word) throw new Refusal('word-missing', `type “${word}”`);
    await backup.restore(request.body.id, signerOf(request));
    return reply.code(202).send({ change: null });
  });

  // An application of its own: nowhere else are octets taken.
  plain.register(async (files) => {
    files.removeAllContentTypeParsers();
    files.addContentTypeParser('application/octet-stream', (_request, _body, done) => done(null));
    files.post(`${below}/look`, { config }, async (request) => {
      if (request.headers['content-type'] === undefined) throw new Refusal('media-type-unsupported');
      deadlines.letGo(request.raw);
      const code = request.headers[backupCodeHeader];
      const sizeBytes = Number(request.headers['content-length'] ?? Number.NaN);
      const limits = { bytes: largestBackup, pauseMilliseconds };
      return backup.look(arriving(request.raw, limits), {
        code: typeof code === 'string' ? code : '',
        sizeBytes: Number.isSafeInteger(sizeBytes) ? sizeBytes : null,
      });
    });
  });
}
