/** New systems with a fault each: how the slot is changed, and what the box has to say of it afterwards. */
import { type Alteration, earlyScript, readIn } from './altered.js';

export interface Fault {
  name: string;
  changes(card: string): Alteration;
  /** Of `reported.os.last`. */
  code: RegExp;
  detail: RegExp;
  /** Further arguments of QEMU. */
  more?: string[];
  /** How often the plug is pulled, by somebody who waited in vain. */
  cuts?: number;
}

const program = '/usr/lib/webizen/bin/webizen-agent.js';

/** The agent with a change; where the place is not found, the scenario has lost its meaning. */
function agentWith(card: string, from: RegExp, to: string): Alteration {
  const text = readIn(card, 'rootfs-b', program);
  const changed = text.replace(from, to);
  if (changed === text) throw new Error(`cannot find ${from} in the agent`);
  return { [program]: Buffer.from(changed, 'latin1').toString('utf8') };
}

/** A machine's own limit, shorter than a box's: four minutes, and two more for the machine. */
export const shortTrial = (card: string): Alteration => {
  const config = JSON.parse(readIn(card, 'rootfs-b', '/etc/webizen/agent.json'));
  return {
    '/etc/webizen/agent.json': JSON.stringify({ ...config, os: { ...config.os, trialSeconds: 240 } }),
    '/etc/systemd/system/webizen-trial.timer.d/short.conf': '[Timer]\nOnBootSec=\nOnBootSec=6min\n',
  };
};

/** Nothing that runs below comes to its turn any more, systemd neither. */
const starve = `sleep 15
echo -1 > /proc/sys/kernel/sched_rt_runtime_us
for one in 1 2 3 4; do chrt -f 99 sh -c 'while :; do :; done' & done
wait`;

export const faults: Fault[] = [
  {
    name: 'agent',
    changes: () => ({ [program]: "throw new Error('cannot start');\n" }),
    code: /^os-not-booted$/,
    detail: /the agent ended 5 times .*cannot start/,
  },
  {
    name: 'migration',
    // It has written its own version and something more by the time that it fails.
    changes: (card) =>
      agentWith(
        card,
        /storeVersion=1([,;].*?await openDatabase\([^;]*?,storeVersion\))/s,
        'storeVersion=2$1.then((db)=>db.put("migrated",1).then(()=>{throw new Error("cannot migrate the store")}))',
      ),
    code: /^os-not-booted$/,
    detail: /the agent ended 5 times .*cannot migrate the store/,
  },
  {
    name: 'panic',
    changes: () => earlyScript('echo c > /proc/sysrq-trigger'),
    code: /^os-not-booted$/,
    detail: /1\.0\.0 was started again/,
  },
  {
    name: 'network',
    changes: (card) => ({ ...shortTrial(card), '/etc/modprobe.d/fault.conf': 'install virtio_net /bin/false\n' }),
    code: /^os-unhealthy$/,
    detail: /the provider was reached before, and is not now/,
  },
  {
    name: 'hang-watched',
    changes: () => earlyScript(starve),
    // The chipset of QEMU's PC has one, which does nothing unless it is let.
    more: ['-global', 'ICH9-LPC.noreboot=false'],
    code: /^os-not-booted$/,
    detail: /./,
  },
  {
    name: 'hang',
    changes: () => ({ '/usr/sbin/init': '#!/bin/sh\nwhile :; do sleep 1000; done\n' }),
    cuts: 3,
    code: /^os-not-booted$/,
    detail: /1\.0\.0 was started again/,
  },
  {
    name: 'boot-partition',
    changes: (card) => ({
      ...shortTrial(card),
      '/etc/fstab': readIn(card, 'rootfs-b', '/etc/fstab').replace(/^PARTLABEL=webizen-esp.*$/m, ''),
    }),
    code: /^os-(not-booted|unhealthy)$/,
    detail: /./,
  },
];
