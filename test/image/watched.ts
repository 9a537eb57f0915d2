/** A box as its provider sees it: what a scenario waits for, and what holds of it. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { Type } from 'typebox';
import type { BoxDetail } from '#contract/operator.js';
import { check } from '#contract/parse.js';
import { built } from '../../image/places.js';
import { sha256OfFile } from '../../image/run.js';
import type { Machine } from './machine.js';
import type { Rig } from './rig.js';
import type { Serving, SystemRelease, Territory } from './territory.js';

type Os = NonNullable<NonNullable<BoxDetail['reported']>['os']>;

const Events = Type.Array(
  Type.Object({ type: Type.String(), facts: Type.Optional(Type.Unknown()) }, { additionalProperties: true }),
);

const command = (...args: string[]): string =>
  execFileSync(process.execPath, [built('bin/webizen-provider.js'), ...args], { encoding: 'utf8' });

export function watch({
  rig,
  provider,
  territory,
  box,
}: {
  rig: Rig;
  provider: Serving;
  territory: Territory;
  box: string;
}) {
  const dir = territory.provider;
  const os = async (): Promise<Os | undefined> => (await provider.box(box)).reported?.os;
  return {
    os,
    /** Online, and heard since. */
    isHeard: async (since: number): Promise<boolean> => {
      const { state, lastSeen } = await provider.box(box);
      return state === 'online' && (lastSeen ?? 0) > since;
    },
    until: (machine: Machine, what: string, holds: (os: Os) => boolean): Promise<Os> =>
      rig.until(machine, what, async () => {
        const told = await os();
        return told && holds(told) ? told : undefined;
      }),
    /** Signed by `by`, taken in, selected, and this box told to look; `before` that, the bundle in the catalogue may be changed. */
    offer({ bundle, compatible, version, publisher }: SystemRelease, before: (file: string) => void = () => {}): void {
      const release = path.join(rig.home, `${version}.jws`);
      const about = ['--compatible', compatible, '--version', version, '--notes', 'It has a fault.'];
      command('os', 'sign', '--key', publisher.keyFile, '--bundle', bundle, ...about, '--out', release);
      const given = ['--release', release, '--bundle', bundle, '--keys', publisher.keysFile];
      const [digest = ''] = /[0-9a-f]{64}/.exec(command('os', 'publish', '--dir', dir, ...given)) ?? [];
      before(path.join(dir, 'systems', `${sha256OfFile(bundle)}.raucb`));
      command('os', 'schedule', digest, '--dir', dir);
      command('box', 'command', box, 'update', '--what', 'os', '--to', version, '--dir', dir);
    },
    /** Of this type, as the provider has been told. */
    events(type: string): string[] {
      const printed = command('fleet', 'events', '--dir', dir, '--box', box, '--type', type, '--json');
      const read = check(Events, JSON.parse(printed));
      if (!read.ok) throw new Error(`cannot read the events: ${printed.slice(0, 500)}`);
      return read.value.map((event) => JSON.stringify(event));
    },
  };
}
export type Watched = ReturnType<typeof watch>;

/** The ledger of the box, which its owner reads: the facts of what is of this type. */
export async function told(machine: Machine, type: string): Promise<string[]> {
  const program = '/usr/bin/node /usr/lib/webizen/bin/webizen-agent.js ledger export --config /etc/webizen/agent.json';
  const { output } = await machine.run(`${program} | grep -o '"type": *"${type.replace('.', '\\.')}"'`);
  return output.split('\n').filter(Boolean);
}
