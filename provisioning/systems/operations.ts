/** What an operator's commands ask for about systems. */
import { Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { Time } from '#contract/health.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { ReleaseId } from '#contract/release.js';
import { RolloutAct, RolloutPlan } from '#contract/rollout.js';
import type { Systems } from './systems.js';

/** A bundle is larger than a message: whoever reaches the socket may read what we may. */
const File = Type.String({ pattern: '^/' });
const Published = Type.Object({ release: File, bundle: File, keys: File });
const Scheduled = Type.Object({ release: ReleaseId, plan: RolloutPlan, notBefore: Type.Union([Time, Type.Null()]) });
const Acted = Type.Object({
  release: ReleaseId,
  act: Type.Union([Type.Literal('pause'), Type.Literal('resume'), Type.Literal('abort'), Type.Literal('next')]),
  reason: RolloutAct.properties.reason,
});

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
}

export const createSystemOperations = (systems: Systems): Handlers => ({
  'os.list': async () => systems.list(),
  'os.publish': async (parameters) => systems.publish(wanted(check(Published, parameters))),
  async 'os.schedule'(parameters) {
    const { release, plan, notBefore } = wanted(check(Scheduled, parameters));
    await systems.schedule(release, { plan, notBefore });
  },
  async 'os.act'(parameters) {
    const { release, act, reason } = wanted(check(Acted, parameters));
    await systems.act(release, act, reason);
  },
});
