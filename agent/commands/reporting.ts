/** What the provider is told, and what is left of it where the owner has switched off all beyond the minimum. Pure. */
import type { Birth, Reported, Reporting } from '#contract/status.js';

/** That it lives, its versions, and what is in trouble: no figures, no apps. */
export function reportedAs(level: Reporting, whole: Reported): Reported {
  if (level === 'full') return whole; // which is what a missing word says
  const { at, agent, owner, conditions, intervals, os } = whole;
  return {
    at,
    agent,
    ...(owner === undefined ? {} : { owner }),
    apps: [],
    ...(conditions && { conditions: conditions.filter(({ severity }) => severity === 'trouble') }),
    reporting: level,
    ...(intervals && { intervals }),
    ...(os && { os }),
  };
}

export const birthAs = (level: Reporting, birth: Birth): Birth =>
  level === 'full' ? birth : { ...birth, reporting: level };
