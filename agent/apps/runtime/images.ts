/**
 * Images of ours in the engine. Each bears a name made of its signed digest; it is run by the engine's own id, and only
 * while the engine's digest is still the signed one: loading checks layers and configuration, not the manifest.
 */
import { Refusal } from '#contract/problems.js';
import type { Podman } from './podman.js';

const repository = 'localhost/webizen/image';
const nameOf = (digest: string): string => `${repository}:${digest.replace(/^sha256:/, '')}`;

export interface Images {
  load(image: string, tar: () => AsyncIterable<Uint8Array>): Promise<void>;
  /** The engine's id. @throws Refusal `image-missing`, `image-mismatch` */
  idOf(image: string): Promise<string>;
  list(): Promise<string[]>;
  unload(image: string): Promise<void>;
}

export function createImages({ podman }: { podman: Podman }): Images {
  async function find(image: string): Promise<string | undefined> {
    const found = await podman.image(nameOf(image));
    if (found && found.Digest !== image) throw new Refusal('image-mismatch', `${found.Digest} instead of ${image}`);
    return found?.Id;
  }

  return {
    async load(image, tar) {
      if ((await find(image).catch(() => undefined)) !== undefined) return;
      const id = await podman.load(tar());
      const found = await podman.image(id);
      // The engine hands an image's annotations to what runs containers, which takes some of them for orders.
      const order = Object.keys(found?.Annotations ?? {}).find((name) => !name.startsWith('org.opencontainers.'));
      if (found?.Digest === image && order === undefined) return podman.tag(id, repository, nameOf(image).slice(-64));
      await podman.untag(id);
      if (order !== undefined) throw new Refusal('image-unusable', `it bears the annotation ${order}`);
      throw new Refusal('image-mismatch', `${found?.Digest ?? 'none'} instead of ${image}`);
    },
    async idOf(image) {
      const id = await find(image);
      if (id === undefined) throw new Refusal('image-missing', image);
      return id;
    },
    async list() {
      const names = (await podman.images()).flatMap((image) => image.names);
      return names
        .filter((name) => name.startsWith(`${repository}:`))
        .map((name) => `sha256:${name.slice(-64)}`)
        .sort();
    },
    async unload(image) {
      if (!(await podman.untag(nameOf(image)))) throw new Refusal('image-in-use', image);
    },
  };
}
