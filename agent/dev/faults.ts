/** What can be switched on and off. Each fault reaches the app by the way it has on a box: host, clock, grants, link. */
import type { Capability } from '#contract/capabilities.js';
import { type DevFaultName, devFaults } from '#contract/developing.js';
import type { Conditions } from './host.js';

export interface Faults {
  isOn(name: DevFaultName): boolean;
  /** The other way round where nothing is said. Answers what is so now, in a sentence. */
  turn(name: DevFaultName, on: boolean | undefined, capability?: Capability): Promise<string>;
  /** The time, as far as the faults leave it known. */
  setTime(): Promise<void>;
  stop(): void;
}

export interface FaultParts {
  conditions: Conditions;
  setTime(date: number): Promise<void>;
  forgetTime(): Promise<void>;
  connectivity(online: boolean): void;
  cutTunnels(): void;
  /** The app's quota is looked at again. */
  resize(): Promise<void>;
  /** What the owner has taken back. */
  taken(): ReadonlySet<Capability>;
  /** All that it asks for where no capability is named. @throws Refusal `dev-not-asked-for` */
  take(capability: Capability | undefined, isTaken: boolean): Promise<void>;
  restart(): Promise<void>;
  kill(): Promise<void>;
}

const day = 24 * 3_600_000;
/** Of each second the agent works for the rest. */
const busyMilliseconds = 800;

export function createFaults(parts: FaultParts): Faults {
  const { conditions } = parts;
  const on = new Set<DevFaultName>();
  const still = new Int32Array(new SharedArrayBuffer(4));
  let busy: NodeJS.Timeout | undefined;

  const setTime = async (): Promise<void> => {
    if (on.has('clock')) await parts.forgetTime();
    else await parts.setTime(Date.now() + (on.has('jump') ? day : 0));
  };

  const acts: Record<DevFaultName, (isOn: boolean, capability?: Capability) => Promise<void> | void> = {
    grant: (isOn, capability) => parts.take(capability, isOn),
    quota: parts.resize,
    disk(isOn) {
      conditions.diskFull = isOn;
    },
    network(isOn) {
      conditions.networkCut = isOn;
      if (isOn) parts.cutTunnels();
    },
    provider: (isOn) => parts.connectivity(!isOn),
    clock: setTime,
    jump: setTime,
    slow(isOn) {
      clearInterval(busy);
      // The whole agent stands still, as on a board that has too much to do.
      if (isOn) busy = setInterval(() => Atomics.wait(still, 0, 0, busyMilliseconds), 1000);
    },
    restart: parts.restart,
    kill: parts.kill,
  };

  const isOn = (name: DevFaultName, capability?: Capability): boolean => {
    if (name !== 'grant') return on.has(name);
    return capability === undefined ? parts.taken().size > 0 : parts.taken().has(capability);
  };

  return {
    isOn: (name) => isOn(name),
    setTime,
    async turn(name, wished, capability) {
      const fault: { about: string; once?: true } = devFaults[name];
      if (fault.once) {
        await acts[name](true);
        return `fault     ${name}: ${fault.about}`;
      }
      const was = on.has(name);
      const next = wished ?? !isOn(name, capability);
      if (next) on.add(name);
      else on.delete(name);
      try {
        await acts[name](next, capability);
      } catch (error) {
        if (was) on.add(name);
        else on.delete(name);
        throw error;
      }
      const what = capability === undefined ? name : `${name}:${capability}`;
      return next ? `fault     ${what} on: ${fault.about}` : `fault     ${what} off`;
    },
    stop: () => clearInterval(busy),
  };
}
