/** Times inside credentials: ISO 8601 in UTC with whole seconds, as the data model (VC 2.0) has them. */

/** @param at milliseconds since 1970 */
export const isoOf = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

/** Milliseconds since 1970; NaN for a day that no calendar has, which the pattern alone lets through. */
export function timeOf(iso: string): number {
  const at = Date.parse(iso);
  return Number.isNaN(at) || isoOf(at) !== iso ? Number.NaN : at;
}
