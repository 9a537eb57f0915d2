/** Which machine this is, from what different boards say of themselves. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { realHost, restartMachine } from '../../agent/host/host.js';
import { isSameMachine, machineOf } from '../../agent/host/machine.js';

const told = (files: Record<string, string>, interfaces: string[] = []) =>
  machineOf({ kernel: async (file) => files[file], interfaces: async () => interfaces });

const board = '/proc/device-tree/serial-number';
const firmware = '/sys/class/dmi/id/product_uuid';
const card = (name: string, address: string, kind = '0', device = true): Record<string, string> => ({
  [`/sys/class/net/${name}/addr_assign_type`]: `${kind}\n`,
  [`/sys/class/net/${name}/address`]: `${address}\n`,
  ...(device ? { [`/sys/class/net/${name}/device/uevent`]: '' } : {}),
});

t.test('a machine is told by its board, else by its firmware, else by its network interfaces', async (t) => {
  const same = async (...machines: Promise<string | undefined>[]) => {
    const [one, other] = await Promise.all(machines);
    if (!one || !other) throw new Error('it tells nothing');
    return isSameMachine(one, other);
  };
  const [eth0, wlan0] = [card('eth0', 'dc:a6:32:01:02:03'), card('wlan0', 'dc:a6:32:01:02:04')];
  const pi = { [board]: '10000000a1b2c3d4\0' };
  t.match(await told(pi), /^board:[0-9a-f]{64}$/);
  t.ok(await same(told(pi), told({ ...pi, ...eth0 }, ['lo', 'eth0'])), 'whatever is plugged in');
  const other = { [board]: '10000000a1b2c3d5\0', ...eth0 };
  t.notOk(await same(told({ ...pi, ...eth0 }, ['eth0']), told(other, ['eth0'])), 'the same adapter in another board');
  const zeros = { [board]: '0000000000000000\0', [firmware]: '4C4C4544-0042-3010\n' };
  t.ok(
    await same(told(zeros), told({ [firmware]: '4c4c4544-0042-3010' })),
    'a board that says only zeros says nothing',
  );
  t.notOk(await same(told(zeros), told({ [firmware]: '4c4c4544-0042-3011' })));
  t.ok(await same(told(zeros), told(eth0, ['eth0'])), 'nothing to compare');
  const two = { ...eth0, ...wlan0 };
  t.ok(await same(told(two, ['lo', 'wlan0', 'eth0']), told(two, ['eth0'])), 'an interface that is not there yet');
  t.notOk(await same(told(two, ['eth0']), told(two, ['wlan0'])));
  const soft = { ...card('veth1', '2a:00:00:01:02:03', '0', false), ...card('eth1', '2a:00:01:01:02:03', '1') };
  t.equal(await told(soft, ['veth1', 'eth1']), undefined, 'made-up addresses are left out');
});

t.test('a machine that tells nothing is tolerated', async (t) => {
  t.equal(await told({}), undefined);
  t.equal(await told({ [board]: '\0', [firmware]: 'ffffffff-ffff-ffff\n' }, ['eth0']), undefined);
  t.equal(await realHost.machine(), await realHost.machine(), 'this one says the same twice');
});

t.test('a restart that ends whoever asked for it is under way all the same', async (t) => {
  const ask = () => promisify(execFile)('sh', ['-c', 'kill -TERM $$']);
  await restartMachine({ ask, goesDown: async () => true });
  await t.rejects(restartMachine({ ask, goesDown: async () => false }), { code: 'host-cannot-reboot' });
});
