/** The console's few static files, read once. What is not in the map does not exist, so no path can lead astray. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

interface Asset {
  type: string;
  etag: string;
  plain: Buffer;
  packed: Buffer;
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

async function readAssets(directory: string): Promise<Map<string, Asset>> {
  const assets = new Map<string, Asset>();
  for (const name of await readdir(directory)) {
    const type = types[path.extname(name)];
    if (type === undefined) continue;
    const plain = await readFile(path.join(directory, name));
    const etag = createHash('sha256').update(plain).digest('base64url').slice(0, 22);
    assets.set(name, { type, etag: `"${etag}"`, plain, packed: gzipSync(plain, { level: 9 }) });
  }
  return assets;
}

function send(asset: Asset, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.headers({ etag: asset.etag, 'cache-control': 'no-cache', vary: 'accept-encoding', 'content-type': asset.type });
  const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known?.includes(asset.etag)) return reply.code(304).send();
  const packs = /\bgzip\b(?!;\s*q=0(?:\.0*)?(?:,|$))/.test(request.headers['accept-encoding'] ?? '');
  return packs ? reply.header('content-encoding', 'gzip').send(asset.packed) : reply.send(asset.plain);
}

/** `pages` are the addresses that the one document draws; `config` says who may, for this application's own guard.
 * @throws Error when the directory or its index.html is missing: the console was not built */
export async function serveAssets(
  app: FastifyInstance,
  { directory, pages, config }: { directory: string; pages: readonly string[]; config: FastifyContextConfig },
): Promise<void> {
  const open = { config };
  const assets = await readAssets(directory).catch((cause: unknown) => {
    throw new Error(`cannot read the console's files in ${directory}: build them first`, { cause });
  });
  const index = assets.get('index.html');
  if (!index) throw new Error(`cannot find index.html in ${directory}: build the console first`);
  for (const url of pages) app.get(url, open, async (request, reply) => send(index, request, reply));
  for (const [name, asset] of assets) {
    if (asset !== index) app.get(`/${name}`, open, async (request, reply) => send(asset, request, reply));
  }
}
