/** ETags and the conditions that name them (RFC 9110 sections 8.8.3 and 13). */

/** Strong, and never used twice by one app: the counter it is made of only grows. */
export const etagOf = (revision: number): string => `"${revision.toString(36)}"`;

export interface Conditions {
  /** `*`, or a list of ETags: only if the stored value has one of them. */
  ifMatch?: string | undefined;
  /** `*`, or a list of ETags: only if the stored value has none of them. */
  ifNoneMatch?: string | undefined;
}

/** `weak`: whether `W/"x"` counts as `"x"`, as it does for If-None-Match and not for If-Match. */
export function namesEtag(list: string, etag: string | undefined, weak: boolean): boolean {
  if (list.trim() === '*') return etag !== undefined;
  if (etag === undefined) return false;
  if (list === etag) return true;
  return list.split(',').some((one) => {
    const text = one.trim();
    return text === etag || (weak && text === `W/${etag}`);
  });
}

/** Whether a write may go on; `etag` is that of the stored value, undefined when there is none. */
export function allows({ ifMatch, ifNoneMatch }: Conditions, etag: string | undefined): boolean {
  if (ifMatch !== undefined && !namesEtag(ifMatch, etag, false)) return false;
  return ifNoneMatch === undefined || !namesEtag(ifNoneMatch, etag, true);
}
