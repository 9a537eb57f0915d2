/**
 * How a system comes into the slot that does not run: as it is fetched, or, where it cannot be streamed, fetched as a whole
 * first. Which of the two is said when the change begins.
 */
import type { OctetSource } from '#common/download.js';
import type { OsRelease } from '#contract/os-release.js';
import { Refusal } from '#contract/problems.js';
import type { StepContext, StepKind } from '../changes/run.js';
import type { OsHost } from '../host/slots.js';
import type { Choice, OsBook } from './book.js';
import type { BundleRoom } from './bundle.js';
import { type Outcomes, versionOf } from './outcomes.js';
import type { Stream, StreamedBundle } from './stream.js';
import { isFinal, streamedFault } from './verdict.js';

/** @param unstreamed the release that this box has found cannot be */
export const isStreamed = ({ id, release }: Choice, unstreamed: string | undefined): boolean =>
  release.bundle.signature !== undefined && unstreamed !== id;

/** What the change remembers of where it comes from. */
export function bundleFacts(choice: Choice, unstreamed: string | undefined): Record<string, string | number> {
  const { sha256, size, signature } = choice.release.bundle;
  const streamed = isStreamed(choice, unstreamed) ? signature : undefined;
  return { sha256, size, ...(streamed && { signature: streamed.sha256, signatureSize: streamed.size }) };
}

const bundleOf = ({ data }: StepContext): OsRelease['bundle'] => ({
  sha256: String(data.sha256),
  size: Number(data.size),
});

/** Undefined where it is fetched first. */
function streamedOf(context: StepContext): StreamedBundle | undefined {
  const { signature, signatureSize } = context.data;
  if (signature === undefined) return undefined;
  return { ...bundleOf(context), signature: { sha256: String(signature), size: Number(signatureSize) } };
}

export interface InstallParts {
  book: OsBook;
  bundle: BundleRoom;
  os: OsHost;
  outcomes: Outcomes;
  octets: (sha256: string) => OctetSource;
  /** @throws Refusal as `openStream` */
  stream: (bundle: StreamedBundle, signal: AbortSignal) => Promise<Stream>;
}

export function createInstallSteps(parts: InstallParts): Record<'os-fetch' | 'os-install', StepKind> {
  const { book, bundle, os } = parts;
  const { noteWhy, recordFailure } = parts.outcomes;

  async function stream(bundle: StreamedBundle, { signal }: StepContext): Promise<void> {
    const opened = await parts.stream(bundle, signal);
    try {
      await os.install(opened.url, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw streamedFault(error, opened.fault());
    } finally {
      await opened.close();
    }
  }

  async function install(context: StepContext): Promise<void> {
    const streamed = streamedOf(context);
    if (streamed) return stream(streamed, context);
    const wanted = bundleOf(context);
    try {
      await os.install(bundle.fileOf(wanted), context.signal);
    } catch (error) {
      // It was what the publisher signed when it came: a card that has changed it since says nothing of the release.
      if (error instanceof Refusal && error.code === 'os-bundle-refused' && !(await bundle.isWhole(wanted)))
        throw new Refusal('os-bundle-mismatch', 'it changed on the disk', { cause: error });
      throw error;
    }
  }

  return {
    'os-fetch': {
      async do(context) {
        if (streamedOf(context)) return;
        context.note('fetching');
        const wanted = bundleOf(context);
        await bundle.fetch(wanted, parts.octets(wanted.sha256), context.signal);
      },
      // The last to be undone: what became of it is written down here.
      async undo(context) {
        await noteWhy(context);
        await bundle.clear();
        if (context.data.why === 'os-not-streamed')
          await book.set(() => ({ unstreamed: String(context.data.release) }));
        await recordFailure(context);
      },
      isFinal,
    },

    'os-install': {
      async do(context) {
        const { data } = context;
        context.note('installing');
        const { booted, other } = await os.slots();
        if (data.installs === undefined) {
          Object.assign(data, { home: booted.name, target: other.name, installs: other.installs });
          await context.remember();
        }
        // The power went in the moment before what runs was made the first again: it is on trial already.
        if (booted.name === data.target && booted.version === versionOf(context)) {
          data.activated = true;
          return bundle.clear();
        }
        if (data.home !== booted.name) throw new Refusal('os-install-failed', `${booted.name} runs meanwhile`);
        const isThere = other.installs > Number(data.installs) && other.version === versionOf(context);
        if (!isThere) await install(context);
        const after = await os.slots();
        // A restart before its time starts what runs now.
        if (after.primary === after.other.name) await os.activate(booted.name);
        if (after.other.version === versionOf(context)) return bundle.clear();
        // Nor may it be what starts when what runs does not.
        await os.markBad(after.other.name);
        throw new Refusal('os-bundle-refused', `it holds ${after.other.version}, not ${data.version}`);
      },
      async undo(context) {
        await noteWhy(context);
        const { booted, other, primary } = await os.slots();
        if (primary === other.name) await os.activate(booted.name);
      },
      isFinal,
    },
  };
}
