/**
 * What a maker wrote, in the reader's language where the app has it, and as text alone. Pages escape it; what is left to
 * a hostile name is to pretend with invisible signs, or by turning the direction of the line.
 */
import type { Words } from '#contract/manifest.js';

/** Controls, invisible format and direction signs; not tab, line feed and the joiners that Persian and Hindi are written with. */
const pretending = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export const plain = (text: string): string => text.replace(pretending, '');
/** In one line, as a name or a sentence of ours wants it. */
export const line = (text: string): string => plain(text.replace(/\s+/gu, ' ')).trim();

const wished = (): readonly string[] => globalThis.navigator?.languages ?? [];

/** The wished languages first to last, each also without its region; then English. */
export function pick(words: Words, languages: readonly string[] = wished()): { text: string; lang: string } {
  const known = new Map(Object.entries(words).map(([lang, text]) => [lang.toLowerCase(), { lang, text }]));
  for (const wish of languages) {
    const tag = wish.toLowerCase();
    const found = known.get(tag) ?? known.get(tag.split('-')[0] ?? '');
    if (found) return found;
  }
  return { text: words.en, lang: 'en' };
}

const longestName = 60;
/** A maker's name within a sentence of ours, which it must not drown. */
export function short(name: string): string {
  const letters = [...line(name)];
  return letters.length > longestName ? `${letters.slice(0, longestName).join('')}…` : letters.join('');
}

export const nameOf = (words: Words): string => line(pick(words).text);
