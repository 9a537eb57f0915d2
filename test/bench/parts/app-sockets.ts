/**
 * The standard API with one app, which may have attestations and reach one server by CONNECT. A box lets no app reach a
 * loopback address and vouches for installed releases alone, so both are put together here, of the agent's own rooms.
 * Arguments: the app's id, the port of the server. Says the app's socket.
 */
import { once } from 'node:events';
import { systemClock } from '#common/clock.js';
import { oids } from '#common/pki/oids.js';
import { certificateToPem } from '#common/pki/pem.js';
import { egressTo } from '#contract/capabilities.js';
import { createEgress } from '../../../agent/egress/egress.js';
import { createAttestor } from '../../../agent/identity/attest.js';
import { startApiBox } from '../../support/api-box.js';
import { make } from '../../support/chains.js';

const [id = '', port = ''] = process.argv.slice(2);
const during = { from: Date.now() - 60_000, until: Date.now() + 86_400_000 };
const root = await make({ name: 'root', ca: true, ...during });
const issuing = await make({ name: 'issuing', by: root, ca: true, ...during });
const box = 'box-12345678';
const leaf = await make({ name: box, by: issuing, ca: false, eku: [oids.clientAuth], ...during });
const chain = [leaf, issuing].map(({ certificate }) => certificateToPem(certificate.raw)).join('');

const attest = createAttestor({
  standing: () => ({ box, territory: 'bench', key: leaf.key, leaf: leaf.certificate, chain }),
  releaseOf: () => ({ release: 'a'.repeat(64), version: '1.0.0' }),
  clock: { now: Date.now, trusted: () => true },
});
const egress = createEgress({
  resolve: async () => ['127.0.0.1'],
  ownNetworks: () => [],
  allow: (address) => address === '127.0.0.1',
  clock: systemClock,
});
const grants = ['identity.attest' as const, egressTo('server.example', Number(port))];
const api = await startApiBox([{ id, grants, quotaBytes: 1000 }], { tunnels: egress, features: { attest } });
const stopped = once(process, 'SIGTERM');
console.log(api.socket(id));
console.log('ready');
await stopped;
egress.stop();
await api.stop();
