/** Only with control groups of the second version does the kernel say who was ended for want of memory. */
import t from 'tap';
import { busyboxImage } from '../support/image.js';
import { testPodman } from '../support/podman.js';
import { appOf, testRunner } from '../support/runtime.js';

t.test('an app that was ended for want of memory is told from one that crashed', async (t) => {
  const podman = await testPodman(t);
  const { runner } = await testRunner(t, podman);
  const busybox = busyboxImage();
  await runner.load(busybox, busybox.tar);
  const app = appOf(podman, { image: busybox.digest, command: ['/bin/tail', '/dev/zero'] });
  await runner.start(app);
  await t.rejects(runner.settled(app.id, AbortSignal.timeout(60_000)), { code: 'app-out-of-memory' });
  await runner.remove(app.id);
});
