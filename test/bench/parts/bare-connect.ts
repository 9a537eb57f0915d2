/** The reference for egress: a bare CONNECT proxy on a unix socket. Arguments: the socket, the port of the server. */
import { createServer } from 'node:http';
import { connect } from 'node:net';

const [socketPath = '', port = ''] = process.argv.slice(2);

createServer()
  .on('connect', (_request, inner, head) => {
    const outer = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true }, () => {
      inner.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      outer.write(head);
      inner.pipe(outer);
      outer.pipe(inner);
    });
    outer.on('error', () => inner.destroy());
    inner.on('error', () => outer.destroy());
  })
  .listen(socketPath, () => console.log('ready'));
