/**
 * The alliance's directory as this box holds it: which territories it may choose, which makers' boxes are known.
 *
 * It is refreshed from territories and from where the alliance publishes, none of them trusted: the box's own territory
 * first, and always others too, so that no provider can keep news of itself from its boxes.
 */
import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import { openHeldDirectory } from '#common/directory/held.js';
import { type Files, ownDirectory } from '#common/files.js';
import {
  type Directory,
  type DirectoryKeys,
  type DirectoryTerritory,
  directoryPath,
  isAccredited,
  type StandingChange,
  standingChanges,
} from '#contract/directory.js';
import { Refusal } from '#contract/problems.js';
import { type FetchDirectory, fetchDirectory } from './fetch.js';

export interface Maker {
  id: string;
  name: string;
  ca: X509Certificate;
}

export interface BoxDirectory {
  /** Expired: by the box's clock its `expiresAt` is past. It is used all the same, with a warning. */
  current(): { directory: Directory; expired: boolean } | undefined;
  /** Durable when it resolves. @throws Refusal those of `HeldDirectory.accept` */
  accept(jws: string): Promise<'newer' | 'same'>;
  /** @throws Refusal `directory-unreachable` when nobody answered; what was refused goes to `onRefused` */
  refresh(signal: AbortSignal): Promise<'newer' | 'same'>;
  /** Refreshes about once a day until the signal aborts. */
  keepFresh(signal: AbortSignal): Promise<void>;
  find(territory: string): DirectoryTerritory | undefined;
  /** Those in good standing at that time (milliseconds since 1970; the box's clock when it is not given). */
  makers(at?: number): Maker[];
}

export interface DirectoryParts {
  files: Files;
  dataDir: string;
  /** The copy that the image ships; missing is no fault. */
  shipped?: string | undefined;
  pinned: DirectoryKeys;
  clock: Clock;
  /** The id of the box's own territory, while it has one. */
  own(): string | undefined;
  onChange?(changes: StandingChange[], directory: Directory): void;
  onRefused(refusal: Refusal): void;
  /** In [0, 1). */
  random?: () => number;
  fetch?: FetchDirectory;
}

const day = 86_400_000;
/** Beside the box's own territory: enough that they do not all look away together, few enough not to be a burden. */
const others = 3;

export async function createDirectory(parts: DirectoryParts): Promise<BoxDirectory> {
  const { files, clock, onRefused, random = Math.random, fetch = fetchDirectory } = parts;
  const folder = path.join(parts.dataDir, 'directory');
  await ownDirectory(folder);
  const held = await openHeldDirectory({
    files,
    file: path.join(folder, 'held.json'),
    pinned: parts.pinned,
    onChange(before, after) {
      parts.onChange?.(standingChanges(before, after), after);
    },
  });

  /** An old copy beside a newer one held is the usual case after an OS that rolled back, and says nothing. */
  async function acceptShipped(file: string): Promise<void> {
    const shipped = (await files.read(file))?.toString('utf8').trim();
    if (!shipped || shipped === held.jws()) return;
    await held.accept(shipped).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      if (error.code !== 'directory-older') onRefused(error);
    });
  }
  if (parts.shipped !== undefined) await acceptShipped(parts.shipped);

  function sources(): URL[] {
    const now = held.current();
    const origin = (est: string) => new URL(directoryPath, est).href;
    const own = now?.territories.find(({ id }) => id === parts.own());
    const places = [...(now?.territories ?? []).map(({ est }) => origin(est)), ...(now?.urls ?? [])];
    const first = own ? [origin(own.est)] : [];
    const chosen = new Set(first);
    const left = places.filter((place) => !chosen.has(place));
    while (left.length > 0 && chosen.size < first.length + others)
      chosen.add(left.splice(Math.floor(random() * left.length), 1)[0] ?? '');
    return [...chosen].filter((place) => URL.canParse(place)).map((place) => new URL(place));
  }

  async function refresh(signal: AbortSignal): Promise<'newer' | 'same'> {
    let outcome: 'newer' | 'same' = 'same';
    let answered = 0;
    const failures: string[] = [];
    for (const url of sources()) {
      signal.throwIfAborted();
      try {
        const jws = await fetch(url, held.jws(), signal);
        answered += 1;
        if (jws !== undefined && (await held.accept(jws)) === 'newer') outcome = 'newer';
      } catch (error) {
        if (error instanceof Refusal) {
          // That somebody is behind is no fault of this box, nor news.
          if (error.code !== 'directory-older')
            onRefused(new Refusal(error.code, `${url.origin}: ${error.detail ?? ''}`));
        } else failures.push(`${url.origin}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    if (answered === 0) throw new Refusal('directory-unreachable', failures.join('; ') || 'no place is known');
    return outcome;
  }

  return {
    current() {
      const directory = held.current();
      return directory && { directory, expired: directory.expiresAt <= clock.now() };
    },
    accept: held.accept,
    refresh,
    async keepFresh(signal) {
      while (!signal.aborted) {
        await clock.sleep(Math.round(day * (0.5 + random())), signal);
        if (signal.aborted) return;
        await refresh(signal).catch((error: unknown) => {
          if (error instanceof Refusal) onRefused(error);
          else if (!signal.aborted) throw error;
        });
      }
    },
    find: (territory) => held.current()?.territories.find(({ id }) => id === territory),
    makers: (at = clock.now()) =>
      (held.current()?.makers ?? [])
        // It is no earlier than when the directory was signed: a box without the time may only know its release's.
        .filter((maker) => isAccredited(maker, Math.max(at, held.current()?.issuedAt ?? 0)))
        .map(({ id, name, ca }) => ({ id, name, ca: new X509Certificate(Buffer.from(ca, 'base64')) })),
  };
}
