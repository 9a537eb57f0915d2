/** What serves one page that is whole in itself, to anybody on the network. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import path from 'node:path';
import { Refusal } from '#contract/problems.js';

/** Where a page is served. */
export interface PageParts {
  assetsDir: string;
  host: string;
  port: number;
  onFault(error: unknown): void;
}

/** Within the page: when the agent is started again, nobody is there for a second request. */
export interface Look {
  css: string;
  /** `data:`, or nothing. */
  icon: string;
}

/** Of the built pages of the console; where a file is missing, the page is plain. */
export async function lookOf(assetsDir: string): Promise<Look> {
  const read = (name: string) => readFile(path.join(assetsDir, name)).catch(() => Buffer.alloc(0));
  const [css, icon] = await Promise.all([read('main.css'), read('icon.svg')]);
  const data = icon.length > 0 ? `data:image/svg+xml;base64,${icon.toString('base64')}` : '';
  return { css: css.toString('utf8'), icon: data };
}

export const headersOf = ({ css }: Look): OutgoingHttpHeaders => ({
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(css).digest('base64')}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'content-type': 'text/html; charset=utf-8',
});

const bodyLimit = 4096;

/** @throws Refusal `body-too-large` */
export async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= bodyLimit) chunks.push(chunk); // the rest is read to its end, so that the answer is heard
  }
  if (length > bodyLimit) throw new Refusal('body-too-large');
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

export function pageServer(
  answer: (request: IncomingMessage, reply: ServerResponse) => Promise<void>,
  onFault: (error: unknown) => void,
): Server {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 16_384, keepAliveTimeout: 5000 },
    (request, reply) =>
      void answer(request, reply).catch((error: unknown) => {
        onFault(error);
        reply.destroy();
      }),
  );
  server.maxConnections = 64;
  return server;
}
