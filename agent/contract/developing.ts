/** Between `webizen app dev` and the simulated box that it starts: over a 0600 socket on one machine. */
import { type Static, type TSchema, Type } from 'typebox';
import { Capability } from './capabilities.js';
import { Manifest } from './manifest.js';
import { check, describeFaults } from './parse.js';
import { Refusal } from './problems.js';
import { Descriptor, ReleaseId } from './release.js';

/** What the program is started with, as one argument. */
export const DevOptions = Type.Object({
  /** The app's folder: what runs lies in `app/`. */
  folder: Type.String(),
  /** Of the box, kept from one time to the next. */
  dataDir: Type.String(),
  /** Of this time. */
  runtimeDir: Type.String(),
  sandbox: Type.Union([Type.Literal('bubblewrap'), Type.Literal('none'), Type.Literal('podman')]),
  /** Path of its service's socket. */
  podman: Type.Optional(Type.String()),
  /** Names that lead to servers of the developer's own, for egress. */
  reach: Type.Record(Type.String(), Type.Object({ host: Type.String(), port: Type.Integer() })),
});
export type DevOptions = Static<typeof DevOptions>;

/** What `webizen app build` made: for podman, which runs images. `blobs` of them lie in the folder, by their digests. */
export const DevImage = Type.Object({ image: Descriptor, blobs: Type.Array(Descriptor), folder: Type.String() });
export type DevImage = Static<typeof DevImage>;

/** The app as it lies in the folder now. `release` names these very files. */
export const DevRun = Type.Object({ manifest: Manifest, release: ReleaseId, built: Type.Optional(DevImage) });
export type DevRun = Static<typeof DevRun>;

interface Fault {
  /** Typed at the terminal. */
  key: string;
  about: string;
  /** It happens, and is over: there is nothing to switch off. */
  once?: true;
}

/** What can go wrong on a box, to be switched on and off while an app runs. */
export const devFaults = {
  grant: { key: 'g', about: 'the owner takes back what the app asks for; grant:CAPABILITY that one alone' },
  quota: { key: 'q', about: 'the storage of the app is full' },
  disk: { key: 'd', about: 'the disk of the box is full' },
  network: { key: 'n', about: 'no server outside can be reached' },
  provider: { key: 'p', about: 'the provider cannot be reached: the box is offline' },
  clock: { key: 'c', about: 'the box does not know the time' },
  jump: { key: 'j', about: 'the time jumps a day ahead, and back again' },
  slow: { key: 's', about: 'the box is overloaded and answers late' },
  restart: { key: 'a', about: 'the agent is started again; the app runs on', once: true },
  kill: { key: 'k', about: 'the app is killed', once: true },
} as const satisfies Record<string, Fault>;
export type DevFaultName = keyof typeof devFaults;
export const devFaultNames = Object.keys(devFaults) as DevFaultName[];
export const isDevFaultName = (name: string): name is DevFaultName => Object.hasOwn(devFaults, name);

export const DevFaultWish = Type.Object({
  name: Type.String(),
  /** The other way round from now, unless said. */
  on: Type.Optional(Type.Boolean()),
  capability: Type.Optional(Capability),
});
export type DevFaultWish = Static<typeof DevFaultWish>;

/** What was done, in a sentence. */
export const DevTold = Type.Object({ says: Type.String() });

/** What the box answers when it is asked for: where the app's socket is. */
export const DevState = Type.Object({
  socket: Type.Union([Type.String(), Type.Null()]),
  sandbox: Type.String(),
  faults: Type.Array(Type.String()),
});
export type DevState = Static<typeof DevState>;

/** @throws Refusal `body-invalid` */
export function read<T extends TSchema>(schema: T, value: unknown): Static<T> {
  const checked = check(schema, value);
  if (!checked.ok) throw new Refusal('body-invalid', describeFaults(checked.faults));
  return checked.value;
}
