/** Who decides about members: the operators, or from when there is one a panel of officers by its signed resolutions. */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { panelFault, readResolution, signatureFacts, signersOf } from '#common/members/resolution.js';
import { check, describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { Panel, PanelName, type Resolution, resolutionSeconds, type SignedResolution } from '#contract/resolution.js';
import type { MemberSettings } from '../store/members.js';
import type { Store } from '../store/store.js';

/** A resolution that officers have signed, as it goes into the register with what it resolves. */
export interface Resolved {
  resolution: Resolution;
  facts: Record<string, string>;
  operation: Operation;
}

export interface Panels {
  now(): NonNullable<MemberSettings['panels']>;
  /** @throws Refusal `panel-decides` when the operators may not by themselves */
  operatorsMay(): void;
  /**
   * To be asked when its turn has come, in which it is also committed.
   * @throws Refusal `resolution-…`
   */
  verified(given: SignedResolution): Promise<Resolved>;
}

export function createPanels({
  store,
  clock,
  territory,
  panels,
}: {
  store: Store;
  clock: Clock;
  territory: string;
  panels: () => MemberSettings['panels'];
}): Panels {
  const now = () => panels() ?? {};
  return {
    now,
    operatorsMay() {
      if (now().standing) throw new Refusal('panel-decides');
    },
    async verified({ resolution: text, signatures }) {
      const resolution = readResolution(text);
      if (!resolution) throw new Refusal('resolution-malformed');
      if (resolution.territory !== territory) throw new Refusal('resolution-foreign', resolution.territory);
      const age = clock.now() - resolution.at;
      if (Math.abs(age) > resolutionSeconds * 1000) throw new Refusal('resolution-stale');
      const panel = now()[resolution.panel];
      const signers = panel ? signersOf(text, signatures, panel) : [];
      if (!panel || signers.length < panel.quorum)
        throw new Refusal('resolution-signatures', `${signers.length} of ${panel?.quorum ?? 1}`);
      if ((await store.resolutions.get(resolution.id)) !== undefined) throw new Refusal('resolution-used');
      return {
        resolution,
        facts: { resolution: text, ...signatureFacts(signatures) },
        operation: { type: 'put', sublevel: store.resolutions, key: resolution.id, value: resolution.at },
      };
    },
  };
}

/** @throws Refusal `panel-invalid` */
export function panelOf(of: unknown, document: unknown): { of: PanelName; panel: Panel } {
  const name = check(PanelName, of);
  const read = parseJson(Panel, Buffer.from(typeof document === 'string' ? document : ''));
  if (!name.ok) throw new Refusal('panel-invalid', describeFaults(name.faults));
  if (!read.ok) throw new Refusal('panel-invalid', describeFaults(read.faults));
  const fault = panelFault(read.value);
  if (fault) throw new Refusal('panel-invalid', fault);
  return { of: name.value, panel: read.value };
}
