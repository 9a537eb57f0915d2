/**
 * Bundles that boxes were asked for: files in `diagnostics/`, by command. They are what a box says, so they are looked
 * through before they are kept: gzip of JSON that is no larger than it may be.
 */
import { mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import type { Files } from '#common/files.js';
import { CommandId, diagnosticsMediaType, diagnosticsPath, largestDiagnosticsBytes } from '#contract/commands.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../catalogue/caller.js';
import type { CommandDesk } from './desk.js';

export interface Diagnostics {
  declare(app: FastifyInstance, callers: Pick<Callers, 'box'>): void;
  /** @throws Refusal `command-unknown`, `diagnostics-unknown` */
  read(box: string, command: string): Promise<Buffer>;
}

const unpack = promisify(gunzip);
const largestUnpacked = 8 * 1024 * 1024;
/** The oldest go: a bundle is read soon, or not at all. */
const mostBundles = 200;

export function createDiagnostics({
  directory,
  files,
  desk,
}: {
  directory: string;
  files: Files;
  desk: Pick<CommandDesk, 'find' | 'keepDiagnostics'>;
}): Diagnostics {
  const folder = path.join(directory, 'diagnostics');
  const fileOf = (command: string): string => path.join(folder, `${command}.json.gz`);

  async function makeRoom(): Promise<void> {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json.gz'));
    if (names.length < mostBundles) return;
    const aged = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(path.join(folder, name))).mtimeMs })),
    );
    aged.sort((a, b) => a.at - b.at);
    for (const { name } of aged.slice(0, names.length - mostBundles + 1)) await files.remove(path.join(folder, name));
  }

  async function look(bytes: Buffer): Promise<void> {
    try {
      JSON.parse((await unpack(bytes, { maxOutputLength: largestUnpacked })).toString('utf8'));
    } catch (error) {
      throw new Refusal('body-invalid', 'not gzip of JSON, or too large', { cause: error });
    }
  }

  return {
    declare(app, callers) {
      app.addContentTypeParser(
        diagnosticsMediaType,
        { parseAs: 'buffer', bodyLimit: largestDiagnosticsBytes },
        (_request, body, done) => done(null, body),
      );
      app.put<{ Params: { command: string } }>(
        diagnosticsPath(':command'),
        {
          bodyLimit: largestDiagnosticsBytes,
          // Before the body is read: only who was asked may send one.
          async onRequest(request) {
            const box = await callers.box(request);
            const { command } = request.params;
            const found = check(CommandId, command).ok
              ? await desk.find(box, command).catch(() => undefined)
              : undefined;
            if (found?.command.kind !== 'diagnostics' || !['sent', 'waits-for-owner'].includes(found.state))
              throw new Refusal('diagnostics-unwanted', command);
          },
        },
        async (request, reply) => {
          const { command } = request.params;
          const box = await callers.box(request);
          if (!Buffer.isBuffer(request.body)) throw new Refusal('media-type-unsupported', diagnosticsMediaType);
          await look(request.body);
          await mkdir(folder, { recursive: true, mode: 0o700 });
          await makeRoom();
          await files.write(fileOf(command), request.body, 0o600);
          await desk.keepDiagnostics(box, command, request.body.length);
          return reply.code(204).send();
        },
      );
    },
    async read(box, command) {
      const { command: found } = await desk.find(box, command);
      const bytes = await files.read(fileOf(found.id));
      if (!bytes) throw new Refusal('diagnostics-unknown', command);
      return bytes;
    },
  };
}
