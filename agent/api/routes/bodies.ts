/** What is refused of a JSON body before a route sees it. */
import type { ProblemCode } from '#contract/problems.js';

export const ofBodies: readonly ProblemCode[] = [
  'body-malformed',
  'body-invalid',
  'body-too-large',
  'body-timeout',
  'media-type-unsupported',
];
