/** What each kind of command does. An act throws a Refusal where it cannot, and answers nothing where its answer comes after a restart. */
import { type Command, type CommandResult, UpdateWish } from '#contract/commands.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

export type Said = Pick<CommandResult, 'text' | 'data'>;
export type Act = (command: Command, signal: AbortSignal) => Promise<Said | undefined>;

/** What the room is handed of the others. Each rejects with a Refusal where it cannot. */
export interface Effects {
  /** Birth, report and a sample, now. */
  refresh(): Promise<void>;
  /** Resolves when the new certificate is in use. Answers its serial. */
  rotateKey(): Promise<string>;
  /** Gathers what helps to find a fault: nothing of the owner's. */
  collect(): Promise<Record<string, unknown>>;
  /** To the provider. Answers how many bytes it was. */
  upload(command: string, bundle: Record<string, unknown>, signal: AbortSignal): Promise<number>;
  /** Resolves when it is under way. */
  restartAgent(): Promise<void>;
  reboot(): Promise<void>;
  /** Looks at what the catalogue has selected, which must be this version. Missing: there is no second system. */
  update?(version: string): Promise<void>;
}

export const createActs = (effects: Effects, live: { begin(command: Command): number }): Record<string, Act> => ({
  async refresh() {
    await effects.refresh();
    return { text: 'birth, report and a sample were sent' };
  },
  async live(command) {
    const until = live.begin(command);
    return { text: 'samples are sent each second', data: { until } };
  },
  async diagnostics({ id }, signal) {
    const bytes = await effects.upload(id, await effects.collect(), signal);
    return { text: 'the diagnostics were sent', data: { bytes } };
  },
  async 'rotate-key'() {
    return { text: 'a new key is in use', data: { serial: await effects.rotateKey() } };
  },
  async 'restart-agent'() {
    await effects.restartAgent();
    return undefined;
  },
  async update({ parameters }) {
    const read = check(UpdateWish, parameters);
    if (!effects.update || !read.ok || read.value.what !== 'os')
      throw new Refusal('command-unsupported', 'an agent comes with its system');
    await effects.update(read.value.version);
    return { text: 'the release was taken; what becomes of it stands in the report' };
  },
  async reboot() {
    await effects.reboot();
    return undefined;
  },
});
