/** The program that simulates the box: started, spoken to, and taken along at the end. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { callControl } from '#common/control.js';
import { type DevFaultWish, type DevOptions, type DevRun, DevState, DevTold, read } from '#contract/developing.js';
import { Refusal } from '#contract/problems.js';

export interface Box {
  run(run: DevRun): Promise<void>;
  /** @throws Refusal why the app is not well */
  settled(): Promise<void>;
  rest(): Promise<void>;
  fault(wish: DevFaultWish): Promise<void>;
  state(): Promise<DevState>;
  /** Resolves when it has ended, whoever wished it; answers whether it was well. */
  readonly ended: Promise<boolean>;
  /** It stops the app, and leaves nothing of this time behind. */
  end(): Promise<boolean>;
}

/** Over the socket of the box that runs. @throws Refusal `not-running`, `dev-fault-unknown`, `dev-not-asked-for` */
export async function turnFault(control: string, wish: DevFaultWish): Promise<string> {
  return read(DevTold, await callControl(control, 'fault', wish)).says;
}

export const stateOf = async (control: string): Promise<DevState> =>
  read(DevState, await callControl(control, 'state'));

/** @throws Refusal `dev-box-ended` when it cannot be started; it has said why */
export async function startBox({
  program,
  options,
  control,
}: {
  program: string;
  options: DevOptions;
  control: string;
}): Promise<Box> {
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code]) => code === 0);
  const isReady = await Promise.race([once(child, 'message').then(() => true), ended.then(() => false)]);
  if (!isReady) throw new Refusal('dev-box-ended');
  return {
    ended,
    run: async (run) => void (await callControl(control, 'run', run)),
    settled: async () => void (await callControl(control, 'settled')),
    rest: async () => void (await callControl(control, 'rest')),
    fault: async (wish) => void (await turnFault(control, wish)),
    state: () => stateOf(control),
    end() {
      if (child.connected) child.disconnect(); // it ends with whoever started it
      return ended;
    },
  };
}

/** Whether this machine lets bubblewrap do what the box asks of it. */
export async function hasBubblewrap(): Promise<boolean> {
  const spaces = ['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts'];
  try {
    await promisify(execFile)('bwrap', ['--ro-bind', '/', '/', '--proc', '/proc', ...spaces, '/usr/bin/env', 'true']);
    await promisify(execFile)('nsenter', ['--version']);
    return true;
  } catch {
    return false;
  }
}
