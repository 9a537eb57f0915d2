/** Text by language tag (RFC 5646); `en` is always there, and stands in for a language that is not. */
import { Type } from 'typebox';

export const Words = (maxLength: number) =>
  Type.Object(
    { en: Type.String({ minLength: 1, maxLength }) },
    { additionalProperties: Type.String({ minLength: 1, maxLength }), maxProperties: 30 },
  );
export type Words = { en: string; [language: string]: string };
