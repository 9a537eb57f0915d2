/** Of the agent and the provider alike; a test holds it to package.json. */
export const version = '0.1.0';

/**
 * When this release was made, in milliseconds since 1970: no program runs before it was written, so a box without a
 * clock starts from here. Moved on with each release.
 */
export const releasedAt = Date.UTC(2026, 10, 20);
