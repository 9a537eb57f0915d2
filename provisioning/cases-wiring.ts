/** Cases, wired: a member is heard by its key, also while it is suspended and when it was expelled. */
import type { FastifyInstance } from 'fastify';
import { type CallerParts, createCallers } from './catalogue/caller.js';
import { declareCaseRoutes } from './members/case-routes.js';
import type { MemberDesk } from './members/members.js';

export const declareCases = (
  app: FastifyInstance,
  { members, ...parts }: Omit<CallerParts, 'members'> & { members: Pick<MemberDesk, 'identify' | 'cases'> },
): void =>
  declareCaseRoutes(app, {
    cases: members.cases,
    callers: createCallers({ ...parts, members: { authenticate: members.identify } }),
  });
