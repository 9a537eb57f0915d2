/**
 * The names that the provider's own parts have at a broker outside. Each holds a dot, which no box id has: a box can
 * never be given one of them, and a broker's rule for one never meets a box.
 */
export const serviceName = 'provider.webizen';
/** Let in by the broker as long as its list is as it must be. */
export const goodCanary = 'canary.webizen';
/** Revoked before it was ever used: a broker that lets it in does not look at the list. */
export const revokedCanary = 'revoked-canary.webizen';

/** What the provider reads. `up/` has several depths, and the rule of what may be said there is judged on arrival. */
export const everyUp = 'wz/1/+/+/up/#';
export const everyDown = 'wz/1/+/+/down/#';
