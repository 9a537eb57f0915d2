/** What is in the image, as CycloneDX 1.6: Debian's packages as dpkg knows them, and what the agent's bundle is made of. */
import { Type } from 'typebox';
import { parseJson } from '#contract/parse.js';

const PackageLock = Type.Object({
  version: Type.String(),
  packages: Type.Record(
    Type.String(),
    Type.Object({
      version: Type.Optional(Type.String()),
      dev: Type.Optional(Type.Boolean()),
      license: Type.Optional(Type.String()),
      integrity: Type.Optional(Type.String()),
    }),
  ),
});

interface Component {
  type: 'library' | 'application';
  name: string;
  version: string;
  purl: string;
  licenses?: { expression: string }[];
}

/** The installed packages in dpkg's status file. */
function debianComponents(status: string): Component[] {
  return status.split('\n\n').flatMap((stanza): Component[] => {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
    if (field('Status') !== 'install ok installed') return [];
    const [name, version] = [field('Package'), field('Version')];
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${field('Architecture')}&distro=trixie`;
    return [{ type: 'library', name, version, purl }];
  });
}

/** What the agent is bundled from: the packages that are not for development alone. */
function npmComponents(text: string): { version: string; components: Component[] } {
  const parsed = parseJson(PackageLock, Buffer.from(text));
  if (!parsed.ok) throw new Error('cannot read package-lock.json');
  const components = Object.entries(parsed.value.packages).flatMap(([place, one]): Component[] => {
    const name = place.split('node_modules/').at(-1);
    if (!name || !one.version || one.dev) return [];
    const licenses = one.license === undefined ? {} : { licenses: [{ expression: one.license }] };
    const purl = `pkg:npm/${name.replace('@', '%40')}@${one.version}`;
    return [{ type: 'library', name, version: one.version, purl, ...licenses }];
  });
  return { version: parsed.value.version, components };
}

/** @param at milliseconds since 1970 */
export function sbomOf(parts: { architecture: string; dpkgStatus: string; packageLock: string; at: number }): string {
  const { version, components } = npmComponents(parts.packageLock);
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(parts.at).toISOString(),
      component: { type: 'operating-system', name: `webizen-${parts.architecture}`, version },
    },
    components: [...debianComponents(parts.dpkgStatus), ...components],
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}
