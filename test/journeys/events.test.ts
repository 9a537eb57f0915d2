/** What befalls a box reaches its provider once, whatever is killed or away meanwhile; and no more than its owner lets it tell. */
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { openStore } from '../../provisioning/store/store.js';
import { killed, testBox } from '../support/box.js';
import { testProvider } from '../support/provider.js';

t.test(
  'starts, crashes and what the ledger says are told once, through a kill and a provider that is away',
  async (t) => {
    const provider = await testProvider(t);
    await provider.start();
    const box = await testBox(t, { ...provider, claim: (await provider.claim()).code });
    const happened = (type: string) => provider.happened(({ said }) => said?.type === type);
    const told = async () => {
      const store = await openStore(provider.directory);
      const events = await store.events.values().all();
      await store.close();
      return events.flatMap(({ said }) => said ?? []).sort((one, other) => one.seq - other.seq);
    };

    const process = box.spawn();
    t.match(await happened('boot'), {
      text: 'info: The machine started · reason: first start',
      said: { seq: 1, severity: 'info', facts: { reason: 'first start' } },
    });
    await happened('enrolled');
    await killed(process);

    await provider.stop();
    await box.start();
    const { events } = box.agent?.rooms() ?? {};
    await events?.record({ type: 'disk-errors', facts: { about: 'mmcblk0' } });
    t.ok((events?.counts().waiting ?? 0) >= 2, 'they wait');
    await provider.start();
    await happened('disk-errors');
    while (events?.counts().waiting) await systemClock.sleep(20); // the acknowledgement is on its way
    t.equal(events?.counts().lost, 0);

    await provider.stop();
    await provider.start();
    await box.until(({ link }) => link.online);
    await events?.record({ type: 'clock-stepped', facts: { seconds: 90 } });
    await happened('clock-stepped');
    while (events?.counts().waiting) await systemClock.sleep(20);
    const last = events?.counts().last ?? 0;
    await provider.stop();
    const found = await told();
    t.same(
      found.map(({ seq }) => seq),
      Array.from({ length: last }, (_, index) => index + 1),
      'each sequence once',
    );
    const count = (type: string) => found.filter((event) => event.type === type).length;
    t.match([count('boot'), count('enrolled'), count('agent-crashed'), count('disk-errors')], [1, 1, 1, 1]);
  },
);
