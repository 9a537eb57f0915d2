/** What a condition is called, and what an operator does about it. A kind of a later version is called by its own name. */
import { conditionText } from '#contract/conditions-table.js';

const named = (kind: string): string => {
  const words = kind.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export const conditionTitle = (kind: string): string => conditionText(kind)?.title ?? named(kind);

export const conditionRemedy = (kind: string): string | undefined => conditionText(kind)?.operator;
