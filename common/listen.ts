import type { Server as HttpServer } from 'node:http';
import type { Server } from 'node:net';
import { Refusal } from '#contract/problems.js';
import { isErrno } from './files.js';

/**
 * Binds and answers the port, which is new when 0 was asked.
 * @throws Refusal `port-in-use`, `address-unavailable`
 */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: unknown) => {
      if (isErrno(error, 'EADDRINUSE')) reject(new Refusal('port-in-use', `${host}:${port}`, { cause: error }));
      else if (isErrno(error, 'EADDRNOTAVAIL', 'ENOTFOUND'))
        reject(new Refusal('address-unavailable', host, { cause: error }));
      else if (isErrno(error, 'EACCES'))
        reject(new Refusal('port-in-use', `${host}:${port} needs privileges`, { cause: error }));
      else reject(error);
    };
    server.once('error', refuse);
    server.listen(port, host, () => {
      server.off('error', refuse);
      resolve();
    });
  });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : port;
}

/** Takes no more, and cuts what is open; resolves when nothing is. */
export async function closeHttp(server: Pick<HttpServer, 'close' | 'closeAllConnections'>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
