/** `app publish`: what the catalogue lacks, then the release. */
import { stat } from 'node:fs/promises';
import { blobsOf } from '#common/archive/layout.js';
import { announcedBy } from '#common/archive/release.js';
import { files } from '#common/files.js';
import type { NewRelease } from '#contract/catalogue.js';
import { Refusal } from '#contract/problems.js';
import type { Catalogue } from '../../publish/catalogue.js';
import { memberFolder } from '../../publish/member-folder.js';
import { withArchive } from '../../publish/opened.js';
import { workshop } from '../../publish/workshop.js';
import { memberPlace, noMoreThan, readArguments, text, texts } from '../arguments.js';
import type { Command, Io } from '../command.js';
import { planIn, sayRollout } from '../rollout-words.js';
import { withCatalogue } from '../territory.js';

interface Signed {
  release: string;
  /** Undefined for a blob that is not at hand. */
  fileOf(digest: string): string | undefined;
}

async function withSigned<T>(place: string, work: (signed: Signed) => Promise<T>): Promise<T> {
  const found = await stat(place).catch((error: unknown) => {
    throw new Refusal('file-unreadable', place, { cause: error });
  });
  if (!found.isDirectory())
    return withArchive(place, ({ release, blobs }) => work({ release, fileOf: (digest) => blobs.get(digest) }));
  const own = workshop({ folder: place, files });
  return work({ release: await own.release(), fileOf: own.fileOf });
}

async function send(
  catalogue: Catalogue,
  { release, fileOf }: Signed,
  { out, tell }: Io,
  more: Pick<NewRelease, 'boxes' | 'rollout'>,
): Promise<void> {
  const signed = announcedBy(release);
  const { manifest } = signed;
  await catalogue.app(manifest.id); // whoever is refused is told why: an answer about a blob has no room for it
  let sentBytes = 0;
  for (const { digest, size } of blobsOf(signed)) {
    const file = fileOf(digest);
    if (file === undefined) {
      if (!(await catalogue.held(digest)).whole) throw new Refusal('blob-missing', digest);
      continue;
    }
    sentBytes += await catalogue.upload({ digest, size, file }, (there) => tell(`${digest} ${there} of ${size} bytes`));
  }
  const published = await catalogue.publish({ release, ...more });
  out(`release ${published.id}`);
  out(
    `${published.app} ${published.version} is ${published.state}${published.private ? ', for the named boxes alone' : ''}`,
  );
  if (more.rollout) out(`rollout: ${sayRollout(await catalogue.rollout(published.id))}`);
  out(`${sentBytes} bytes sent`);
}

export const publish: Command = async (args, io) => {
  const options = {
    ...{ box: texts, rollout: text, 'stop-at': text, 'hold-hours': text },
    ...{ member: text, catalogue: text, ca: text },
  };
  const { values, positionals } = readArguments(args, options);
  noMoreThan(1, positionals);
  const rollout = planIn(values);
  const more = { ...(values.box && { boxes: values.box }), ...(rollout && { rollout }) };
  const who = memberFolder({ directory: memberPlace(values.member, io.env), files });
  await withSigned(positionals[0] ?? '.', (signed) =>
    withCatalogue(values, who, (catalogue) => send(catalogue, signed, io, more)),
  );
  return true;
};
