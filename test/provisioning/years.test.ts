/** A provider that nobody restarts for years: what it shows and publishes is renewed by its clock, and it warns early. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { connect } from 'node:tls';
import t from 'tap';
import { crlFromPem } from '#common/pki/crl.js';
import { createManualClock } from '../support/manual-clock.js';
import { testProvider } from '../support/provider.js';

const day = 86_400_000;

/** The serial that a server shows to a new connection. */
function shownBy(url: string): Promise<string> {
  const { hostname, port } = new URL(url.replace(/^mqtts/, 'https'));
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).serialNumber);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

async function until<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
  }
}

t.test('certificate and revocation list are renewed without a restart, and what runs out is told early', async (t) => {
  const clock = createManualClock(Date.now());
  const provider = await testProvider(t, { provider: { clock } });
  await provider.start();
  const { est, broker } = provider.urls();
  const first = await shownBy(est);
  t.equal(await shownBy(broker), first, 'one certificate for both');
  const list = async () => crlFromPem(await readFile(path.join(provider.directory, 'ca/crl.pem'), 'utf8'));
  const { number } = await list();
  const left = async (what: string) => {
    const authorization = `Bearer ${(await readFile(path.join(provider.directory, 'operator.secret'), 'utf8')).trim()}`;
    const text = await (await fetch(`${provider.urls().console}/metrics`, { headers: { authorization } })).text();
    return Number(new RegExp(`^webizen_expiry_seconds\\{what="${what}"\\} (\\S+)$`, 'm').exec(text)?.[1]);
  };
  t.ok((await left('server')) > 800 * 86_400);

  clock.advance(600 * day);
  const second = await until(
    () => shownBy(est),
    (serial) => serial !== first,
  );
  const atBroker = await until(
    () => shownBy(broker),
    (serial) => serial !== first,
  );
  t.equal(atBroker, second);
  t.ok((await left('server')) > 800 * 86_400);
  const renewed = await until(list, (crl) => crl.nextUpdate > clock.now());
  t.ok(renewed.number > number);

  clock.advance(8 * 365 * day);
  const told = await provider.happened(({ type, text }) => type === 'expiry' && text.includes('"issuing"'));
  t.match(told.text, /runs out in \d+ days: make a new one: webizen-provider ca roll issuing/);
});
