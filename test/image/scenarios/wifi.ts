/**
 * Wi-Fi without a cable: the box opens its own network, a phone comes in and is led to the setup page, chooses the home's
 * with a wrong password and then with the right one, and the box finds it again after a restart.
 */
import { Type } from 'typebox';
import { parseJson } from '#contract/parse.js';
import { airScript, joinScript, onPhone } from '../air.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';

export const name = 'Wi-Fi is set up without a cable';

const slow = { timeoutSeconds: 900 };

async function must(machine: Machine, script: string): Promise<string> {
  const { status, output } = await machine.run(script, slow);
  if (status !== 0) throw new Error(`the guest answered ${status}: ${output}`);
  return output;
}
async function asked<T extends Parameters<typeof parseJson>[0]>(machine: Machine, schema: T, program: string) {
  const output = await must(machine, onPhone(program));
  const parsed = parseJson(schema, output.trim().split('\n').at(-1) ?? '');
  if (!parsed.ok) throw new Error(`the phone printed ${output}`);
  return parsed.value;
}

const Answer = Type.Object({ status: Type.Integer(), location: Type.Optional(Type.String()), isPage: Type.Boolean() });
const First = Type.Object({
  names: Type.Array(Type.Array(Type.String())),
  probes: Type.Array(Answer),
  page: Answer,
  rebound: Answer,
  stranger: Answer,
  session: Answer,
  seen: Type.Array(Type.String()),
  chosen: Answer,
});
const Second = Type.Object({
  session: Answer,
  last: Type.Object({ name: Type.String(), problem: Type.Object({ code: Type.String() }) }),
  chosen: Answer,
});
const choose = (passphrase: string): string =>
  `await ask('PUT', '10.42.0.1', '/v1/network/wifi', { ssid: '486f6d65', passphrase: '${passphrase}', hidden: false })`;

export async function run(rig: Rig): Promise<void> {
  const card = rig.freshCard({});
  rig.begin();
  const machine = rig.start({ name: 'wifi', card });
  await must(
    machine,
    'for turn in $(busybox seq 600); do systemctl -q is-active webizen-agent && exit; sleep 1; done; exit 1',
  );
  rig.passed('agent');
  await must(machine, airScript);
  rig.begin();
  await must(machine, '. /run/air.lib; await 300 opened');
  rig.passed('own network on the air, since the cable was gone');
  rig.say(await must(machine, 'iw dev wlan0 info'));
  await must(machine, joinScript);
  rig.passed('phone has an address');

  const first = await asked(
    machine,
    First,
    `
  const names = await Promise.all(['connectivitycheck.gstatic.com', 'captive.apple.com'].map((name) => resolver.resolve4(name)));
  const probes = [];
  for (const [host, path] of [
    ['connectivitycheck.gstatic.com', '/generate_204'],
    ['captive.apple.com', '/hotspot-detect.html'],
    ['www.msftconnecttest.com', '/connecttest.txt'],
    ['detectportal.firefox.com', '/canonical.html'],
  ])
    probes.push(await ask('GET', host, path));
  const page = await ask('GET', '10.42.0.1', '/');
  const rebound = await ask('POST', 'evil.example', '/v1/setup/session', { code });
  const stranger = await ask('GET', '10.42.0.1', '/v1/network');
  const session = await ask('POST', '10.42.0.1', '/v1/setup/session', { code });
  const view = await ask('GET', '10.42.0.1', '/v1/network');
  const chosen = ${choose('wrong password')};
  return { names, probes, page, rebound, stranger, session, seen: view.json.wifi.seen.map(({ name }) => name), chosen };`,
  );
  rig.expect(
    first.names.flat().every((one) => one === '10.42.0.1'),
    'every name is the box',
  );
  rig.expect(
    first.probes.every(({ status, location }) => status === 302 && location === 'http://10.42.0.1/'),
    'what phones ask leads to the setup page',
  );
  rig.expect(first.page.status === 200 && first.page.isPage, 'which is there');
  rig.expect(first.rebound.status === 421, 'under a foreign name nothing can be done');
  rig.expect(first.stranger.status === 401, 'nor without the label’s code');
  rig.expect(first.session.status === 204 && first.seen.includes('Home'), 'with it the home’s Wi-Fi is seen');
  rig.expect(first.chosen.status === 202, 'it is tried with a wrong password');
  rig.begin();
  const outcome = (code: string): string =>
    `. /run/air.lib; await 300 grep -q '${code}' /data/webizen/agent/network/outcome.json`;
  await must(machine, `${outcome('wifi-password-wrong')} && await 300 opened`);
  rig.passed('own network back after a wrong password');
  await must(machine, joinScript);

  rig.expect(await isShut(machine), 'who is in the own network reaches nothing behind the box');

  const second = await asked(
    machine,
    Second,
    `
  const session = await ask('POST', '10.42.0.1', '/v1/setup/session', { code });
  const view = await ask('GET', '10.42.0.1', '/v1/network');
  return { session, last: view.json.wifi.last, chosen: ${choose('right password')} };`,
  );
  rig.expect(second.last.name === 'Home' && second.last.problem.code === 'wifi-password-wrong', 'the page tells why');
  rig.begin();
  await must(machine, `${outcome('null')} && await 60 joined`);
  rig.passed('on the home’s Wi-Fi');
  await must(machine, 'busybox ping -c 1 -W 10 192.168.50.1');
  const files = await must(machine, 'stat -c "%a %n" /data/system/network/*');
  rig.expect(/^600 \S+-wifi\.nmconnection\n$/.test(files), 'its profile is the only one, and root’s alone');
  await machine.shutDown();

  rig.begin();
  const again = rig.start({ name: 'again', card });
  await must(again, airScript);
  rig.begin();
  await must(again, '. /run/air.lib; await 600 joined');
  rig.passed('on it again after a restart');
  await again.shutDown();
}

/** A machine on a wire behind the box: the box reaches it, the phone does not, and would without the rule. */
async function isShut(machine: Machine): Promise<boolean> {
  const output = await must(
    machine,
    `. /run/air.lib
unshare --net sleep infinity >/dev/null 2>&1 &
behind=$!
sleep 1
modprobe veth
busybox ip link add behind0 type veth
busybox ip link set veth0 netns $behind
busybox ip address add 198.18.0.1/24 dev behind0
busybox ip link set behind0 up
inside() { nsenter -t $behind -n busybox ip "$@"; }
inside address add 198.18.0.2/24 dev veth0
inside link set veth0 up
inside route add default via 198.18.0.1
reach() { "$@" busybox ping -c 3 -W 5 198.18.0.2 >/dev/null && echo yes || echo no; }
echo "box $(reach) phone $(reach phone)"
nft delete table inet webizen
echo "without $(reach phone)"
systemctl restart webizen-forward
kill $behind
`,
  );
  return /box yes phone no\nwithout yes\n/.test(output);
}
