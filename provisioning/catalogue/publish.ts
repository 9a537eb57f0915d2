/**
 * Taking a release in. Everything that can be refused is judged before anything is written, and the blobs are pinned
 * all the while, so that what was looked at is what is listed.
 */
import { checkImage } from '#common/archive/image.js';
import type { CheckedLayer } from '#common/archive/layer.js';
import { verifyRelease } from '#common/archive/release.js';
import type { Clock } from '#common/clock.js';
import { kindOf } from '#contract/capabilities.js';
import type { NewRelease } from '#contract/catalogue.js';
import type { Manifest } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import { type Descriptor, largestArchive, type Release } from '#contract/release.js';
import { isRising } from '#contract/rollout.js';
import { createTurns } from '../store/turns.js';
import { hexOf } from './headers.js';
import type { CatalogueMembers, Publisher } from './parts.js';
import type { Listed, Registry } from './registry.js';
import type { Shelf } from './shelf.js';

/**
 * By a member in good standing.
 * @throws Refusal those of `verifyRelease`, `checkImage` and `registry.add`; `publisher-wrong`, `member-level-low`,
 *   `member-suspended`, `member-expelled`, `upload-too-large`, `blobs-missing`, `rollout-plan-wrong`
 */
export type Publish = (member: Publisher, wish: NewRelease) => Promise<{ isNew: boolean; listed: Listed }>;

const usualChannel = 'stable';
const mostNamed = 10;
const highestLevel = 3;
const mostChecked = 10_000;

const hexesOf = ({ blobs }: Release): string[] => [...new Set(blobs.map(({ digest }) => hexOf(digest) ?? ''))];
const bytesOf = (blobs: readonly Descriptor[]): number =>
  [...new Map(blobs.map(({ digest, size }) => [digest, size])).values()].reduce((sum, size) => sum + size, 0);

export function createPublish({
  territory,
  registry,
  shelf,
  members,
  mayHave,
  clock,
}: {
  territory: string;
  registry: Registry;
  shelf: Shelf;
  members: Pick<CatalogueMembers, 'find' | 'mayAsk' | 'policy'>;
  /** Whether the member may use these octets, which it uploaded or everybody can fetch. */
  mayHave: (member: string, hex: string) => Promise<boolean>;
  clock: Clock;
}): Publish {
  const turns = createTurns();
  /** Layers that passed: most images share one. */
  const checked = new Map<string, CheckedLayer>();

  function checkCapabilities({ id }: Publisher, { capabilities }: Manifest): void {
    const over = capabilities.map(({ capability }) => capability).filter((one) => !members.mayAsk(id, one));
    if (over.length === 0) return;
    const policy = members.policy();
    const named = over.slice(0, mostNamed).map((one) => `${one} needs level ${policy[kindOf(one)] ?? highestLevel}`);
    throw new Refusal('member-level-low', named.join('; '));
  }

  /** @throws Refusal `blobs-missing` naming the first of them */
  async function checkBlobs({ id }: Publisher, blobs: readonly Descriptor[]): Promise<void> {
    const missing: string[] = [];
    for (const { digest, size } of blobs) {
      const hex = hexOf(digest) ?? '';
      if ((await shelf.size(hex)) !== size || !(await mayHave(id, hex))) missing.push(digest);
    }
    if (missing.length > 0) throw new Refusal('blobs-missing', missing.slice(0, mostNamed).join(', '));
  }

  /** An image is looked through one at a time: it is the dearest thing that a member can ask for. */
  const scan = (release: Release) =>
    turns.take('scan', async () => {
      const fileOf = (digest: string) => shelf.fileOf(hexOf(digest) ?? '');
      const { layers } = await checkImage(release, { fileOf, architecture: release.architecture, checked });
      if (checked.size > mostChecked) checked.clear();
      for (const [at, layer] of layers.entries()) {
        const digest = release.blobs[at + 2]?.digest; // after manifest and configuration
        if (digest !== undefined) checked.set(digest, layer);
      }
    });

  return async (member, { release: jws, boxes, rollout }) => {
    if (rollout && !isRising(rollout)) throw new Refusal('rollout-plan-wrong', rollout.waves.join(','));
    const { id, release } = await verifyRelease(jws, member.jwk);
    const { manifest } = release;
    if (release.member !== member.id || release.territory !== territory)
      throw new Refusal('publisher-wrong', `${release.member} of ${release.territory}`);
    registry.checkPublisher(manifest.id, member.id);
    checkCapabilities(member, manifest);
    const sizeBytes = bytesOf(release.blobs);
    if (sizeBytes > largestArchive) throw new Refusal('upload-too-large', `${sizeBytes} of ${largestArchive} bytes`);
    const blobs = hexesOf(release);
    const listed: Listed = {
      ...{ id, app: manifest.id, version: manifest.version, channel: manifest.channel ?? usualChannel },
      ...{ architecture: release.architecture, member: member.id, name: manifest.name, summary: manifest.summary },
      ...{ sizeBytes, publishedAt: clock.now(), private: boxes !== undefined },
    };
    // A lost reply: its blobs were looked at, and may be many.
    if (registry.find(id)) return registry.add({ listed, jws, blobs, boxes, rollout });
    return shelf.pin(blobs, async () => {
      await checkBlobs(member, release.blobs);
      await scan(release);
      // The scan may have taken minutes.
      const standing = members.find(member.id)?.standing ?? 'expelled';
      if (standing !== 'good') throw new Refusal(`member-${standing}`, member.id);
      return registry.add({ listed, jws, blobs, boxes, rollout });
    });
  };
}
