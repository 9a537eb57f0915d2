/**
 * Images of ours in the engine. Each bears a name made of its signed digest, given once it was seen to be that image, and
 * is run by the engine's own id. That id is the digest of the configuration, which pins every byte of every layer.
 *
 * The engine keeps one manifest an id, the last that was loaded: a second manifest around the same configuration would
 * take the place of the first. So what is here is never loaded again, it gets one more name.
 */
import { Refusal } from '#contract/problems.js';
import type { Image, Podman } from './podman.js';
import type { SignedImage } from './runner.js';

const repository = 'localhost/webizen/image';
const hexOf = (digest: string): string => digest.replace(/^sha256:/, '');
const nameOf = (digest: string): string => `${repository}:${hexOf(digest)}`;

export interface Images {
  load(image: SignedImage, tar: () => AsyncIterable<Uint8Array>): Promise<void>;
  /** The engine's id. @throws Refusal `image-missing`, `image-unusable` */
  idOf(digest: string): Promise<string>;
  list(): Promise<string[]>;
  unload(digest: string): Promise<void>;
}

/** The engine hands an image's annotations on to what runs containers, which takes some of them for orders. */
function refuseOrders({ Annotations }: Image): void {
  const order = Object.keys(Annotations ?? {}).find((name) => !name.startsWith('org.opencontainers.'));
  if (order !== undefined) throw new Refusal('image-unusable', `it bears the annotation ${order}`);
}

/**
 * @param flush has what the engine wrote on the disk. The engine does not wait for that: where the power fails within half a
 *   minute, the image is there by its name and its files are empty. So an image gets a name of ours only behind it.
 */
export function createImages({ podman, flush }: { podman: Podman; flush: () => Promise<void> }): Images {
  const tag = (image: SignedImage): Promise<void> => podman.tag(hexOf(image.config), repository, hexOf(image.digest));

  /** What no app of ours has a name for. */
  async function drop(id: string): Promise<void> {
    const found = (await podman.images()).find((one) => one.id === id);
    if (found?.names.length === 0) await podman.untag(id);
  }

  function checkLoaded(id: string, found: Image | undefined, image: SignedImage): void {
    if (!found || id !== hexOf(image.config) || found.Digest !== image.digest)
      throw new Refusal('image-mismatch', `${found?.Digest ?? 'none'} instead of ${image.digest}`);
    refuseOrders(found);
  }

  async function load(image: SignedImage, tar: () => AsyncIterable<Uint8Array>): Promise<void> {
    if (await podman.image(nameOf(image.digest))) return;
    const there = (await podman.images()).find((one) => one.id === hexOf(image.config));
    if (there && there.names.length > 0) return tag(image);
    if (there) await drop(there.id); // a cut came before it was named
    const id = await podman.load(tar());
    try {
      checkLoaded(id, await podman.image(id), image);
    } catch (error) {
      await drop(id);
      throw error;
    }
    await flush();
    await tag(image);
  }

  /** One at a time: what has no name yet may be another's that is on its way. */
  let turn: Promise<unknown> = Promise.resolve();

  return {
    load(image, tar) {
      const mine = turn.then(() => load(image, tar));
      turn = mine.catch(() => {});
      return mine;
    },
    async idOf(digest) {
      const found = await podman.image(nameOf(digest));
      if (!found) throw new Refusal('image-missing', digest);
      refuseOrders(found);
      return found.Id;
    },
    async list() {
      const names = (await podman.images()).flatMap((image) => image.names);
      return names
        .filter((name) => name.startsWith(`${repository}:`))
        .map((name) => `sha256:${name.slice(-64)}`)
        .sort();
    },
    async unload(digest) {
      if (!(await podman.untag(nameOf(digest)))) throw new Refusal('image-in-use', digest);
    },
  };
}
