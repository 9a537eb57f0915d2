/** How good a passphrase is, told simply: length first, then whether it repeats itself. Pure. */
export const leastCharacters = 10;

export type Strength = 'short' | 'weak' | 'fair' | 'good';

export function strengthOf(passphrase: string): Strength {
  const characters = [...passphrase.normalize('NFKC')];
  if (characters.length < leastCharacters) return 'short';
  const runs = characters.filter((one, index) => {
    const before = characters[index - 1];
    if (before === undefined) return true;
    const step = (one.codePointAt(0) ?? 0) - (before.codePointAt(0) ?? 0);
    return step < -1 || step > 1; // "aaaa", "1234" and "4321" say no more than their first character
  });
  if (new Set(characters).size < 5 || runs.length < leastCharacters / 2) return 'weak';
  return characters.length >= 16 ? 'good' : 'fair';
}
