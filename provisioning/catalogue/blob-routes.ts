/** Octets over HTTP: taken from members piece by piece, given to boxes and their members whole or in part. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendRefusal } from '#common/http-problems.js';
import { cataloguePath } from '#contract/catalogue.js';
import { Refusal } from '#contract/problems.js';
import type { Caller, Callers } from './caller.js';
import { hexOf, pieceOf, spanOf } from './headers.js';
import type { Shelf } from './shelf.js';
import type { Uploads } from './uploads.js';

export interface BlobRouteParts {
  callers: Callers;
  shelf: Shelf;
  uploads: Uploads;
  /** Whether the caller may have these octets, in whatever way. */
  mayFetch(caller: Caller, hex: string): Promise<boolean>;
  mayHave(member: string, hex: string): Promise<boolean>;
}

/** A reader that takes nothing for so long has gone. */
const stallMilliseconds = 60_000;

interface Params {
  Params: { digest: string };
}

export function declareBlobRoutes(app: FastifyInstance, parts: BlobRouteParts): void {
  const { callers, shelf, uploads, mayFetch, mayHave } = parts;
  const place = `${cataloguePath}/blobs/:digest`;

  function wanted({ params }: FastifyRequest<Params>): string {
    const hex = hexOf(params.digest);
    if (hex === undefined) throw new Refusal('blob-unknown', 'a digest is sha256: and 64 hex digits');
    return hex;
  }

  /** In bytes, of what the caller may have and is whole here. */
  async function sizeFor(caller: Caller, hex: string): Promise<number | undefined> {
    return (await mayFetch(caller, hex)) ? shelf.size(hex) : undefined;
  }

  const describe = (reply: FastifyReply, hex: string): FastifyReply =>
    reply
      .type('application/octet-stream')
      .header('etag', `"sha256:${hex}"`)
      .header('accept-ranges', 'bytes')
      // What a digest names never changes; who may have it does.
      .header('cache-control', 'private, max-age=31536000, immutable');

  app.head<Params>(place, async (request, reply) => {
    const hex = wanted(request);
    const caller = await callers.either(request);
    const size = await sizeFor(caller, hex);
    if (size !== undefined) {
      // About to be named by a release, perhaps.
      if (caller.kind === 'member') await shelf.touch(hex);
      return describe(reply, hex).header('content-length', String(size)).send();
    }
    if (caller.kind === 'member')
      reply.header('upload-offset', String(await uploads.offset({ hex, member: caller.member.id })));
    return reply.code(404).send();
  });

  app.get<Params>(place, { exposeHeadRoute: false }, async (request, reply) => {
    const hex = wanted(request);
    const size = await sizeFor(await callers.either(request), hex);
    if (size === undefined) throw new Refusal('blob-unknown', `sha256:${hex}`);
    const tag = `"sha256:${hex}"`;
    describe(reply, hex);
    if (request.headers['if-none-match'] === tag) return reply.code(304).send();
    // RFC 9110 section 13.1.5: the range is meant for the very octets that the condition names.
    const condition = request.headers['if-range'];
    const span = condition === undefined || condition === tag ? spanOf(request.headers.range, size) : 'all';
    if (span === 'none')
      throw new Refusal('range-invalid', `${size} bytes`, { headers: { 'content-range': `bytes */${size}` } });
    const { first, last } = span === 'all' ? { first: 0, last: size - 1 } : span;
    if (span !== 'all') reply.code(206).header('content-range', `bytes ${first}-${last}/${size}`);
    request.raw.socket.setTimeout(stallMilliseconds);
    return reply
      .header('content-length', String(last - first + 1))
      .send(createReadStream(shelf.fileOf(hex), { start: first, end: last }));
  });

  app.patch<Params>(place, async (request, reply) => {
    const hex = wanted(request);
    const { id: member } = await callers.member(request);
    if (request.body !== undefined && !(request.body instanceof Readable)) throw new Refusal('media-type-unsupported');
    const source = request.body ?? Readable.from([]);
    const size = (await mayHave(member, hex)) ? await shelf.size(hex) : undefined;
    // Somebody has finished it: the octets that come are not needed.
    if (size !== undefined) return reply.code(204).header('upload-offset', String(size)).send();
    const piece = pieceOf(request.headers);
    if (!piece) throw new Refusal('upload-malformed');
    try {
      const at = await uploads.append({ hex, member }, piece, source);
      return reply.code(204).header('upload-offset', String(at)).send();
    } catch (error) {
      // Two that race for the same place are nothing that an operator has to know.
      if (error instanceof Refusal && error.code === 'upload-offset-wrong') return sendRefusal(reply, error);
      throw error;
    }
  });
}
