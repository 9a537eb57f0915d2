/** What a condition is called, and what an operator does about it. A kind of a later version is called by its own name. */

const named = (kind: string): string => {
  const words = kind.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export const conditionTitle = (kind: string): string => named(kind);

export const conditionRemedy = (_kind: string): string | undefined => undefined;
