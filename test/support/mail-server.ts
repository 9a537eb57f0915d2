/** A real SMTP server that takes mail, or refuses it as the test says. */
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface TestMail {
  from: string;
  to: string[];
  headers: Map<string, string>;
  text: string;
  user: string | undefined;
  secure: boolean;
}

/** As it came over the wire, put together again. */
function read(raw: string): { headers: Map<string, string>; text: string } {
  const end = raw.indexOf('\r\n\r\n');
  const unfolded = raw.slice(0, end).replace(/\r\n[ \t]+/g, ' ');
  const headers = new Map(
    unfolded.split('\r\n').map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    }),
  );
  const body = raw.slice(end + 4);
  const text =
    headers.get('content-transfer-encoding') === 'quoted-printable'
      ? decodeURIComponent(
          body
            .replace(/=\r\n/g, '')
            .replaceAll('%', '%25')
            .replace(/=([0-9A-F]{2})/g, '%$1'),
        )
      : headers.get('content-transfer-encoding') === 'base64'
        ? Buffer.from(body, 'base64').toString()
        : body;
  return { headers, text: text.replaceAll('\r\n', '\n') };
}

export async function startMailServer(
  t: { teardown(work: () => unknown): void },
  options: { key?: string; cert?: string; password?: string } = {},
) {
  const { key, cert, password } = options;
  const mails: TestMail[] = [];
  const watchers = new Set<() => void>();
  let refuses = 0;
  const server = new SMTPServer({
    ...(key && cert ? { key, cert } : { disabledCommands: ['STARTTLS'] }),
    authOptional: password === undefined,
    allowInsecureAuth: false,
    onAuth: (auth, _session, done) =>
      auth.password === password ? done(null, { user: auth.username }) : done(new Error('not this password')),
    onData(stream, session, done) {
      let raw = '';
      stream.on('data', (part: Buffer) => {
        raw += part.toString('latin1');
      });
      stream.on('end', () => {
        if (refuses > 0) {
          refuses -= 1;
          done(Object.assign(new Error('not now'), { responseCode: 451 }));
        } else {
          const { mailFrom, rcptTo } = session.envelope;
          mails.push({
            ...{ from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address) },
            ...{ ...read(raw), user: session.user, secure: session.secure },
          });
          done();
        }
        for (const watcher of watchers) watcher();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    /** The next so many are refused for now. */
    refuse(count: number) {
      refuses = count;
    },
    /** Resolves once this holds; asked whenever a mail came or was refused. */
    async until(holds: () => boolean): Promise<void> {
      while (!holds())
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher);
            resolve();
          };
          watchers.add(watcher);
        });
    },
    refusing: () => refuses,
  };
}
