/**
 * Everything that can be refused, on either side, in one table made of its groups: code, status, sentence, remedy.
 * A code never changes its meaning; a new refusal gets a new code.
 */
import { type Static, Type } from 'typebox';
import { accountsProblems } from './problems/accounts.js';
import { allianceProblems } from './problems/alliance.js';
import { appsProblems } from './problems/apps.js';
import { archivesProblems } from './problems/archives.js';
import { backupProblems } from './problems/backup.js';
import { boxProblems } from './problems/box.js';
import { casesProblems } from './problems/cases.js';
import { commandsProblems } from './problems/commands.js';
import { databaseProblems } from './problems/database.js';
import { developingProblems } from './problems/developing.js';
import { fleetProblems } from './problems/fleet.js';
import { hostileProblems } from './problems/hostile.js';
import { httpProblems } from './problems/http.js';
import { leaseProblems } from './problems/leases.js';
import { linkProblems } from './problems/link.js';
import { linksProblems } from './problems/links.js';
import { membersProblems } from './problems/members.js';
import { messagesProblems } from './problems/messages.js';
import { networkProblems } from './problems/network.js';
import { ownerProblems } from './problems/owner.js';
import { programsProblems } from './problems/programs.js';
import { rolloutsProblems } from './problems/rollouts.js';
import { safeProblems } from './problems/safe.js';
import { simulateProblems } from './problems/simulate.js';
import { storageProblems } from './problems/storage.js';
import { successionsProblems } from './problems/successions.js';
import { termsProblems } from './problems/terms.js';
import { territoryProblems } from './problems/territory.js';
import { toolsProblems } from './problems/tools.js';
import { updatesProblems } from './problems/updates.js';
import { volumeProblems } from './problems/volume.js';
import { watchProblems } from './problems/watch.js';
import { workersProblems } from './problems/workers.js';

const table = {
  ...httpProblems,
  ...territoryProblems,
  ...linkProblems,
  ...boxProblems,
  ...allianceProblems,
  ...programsProblems,
  ...ownerProblems,
  ...membersProblems,
  ...casesProblems,
  ...toolsProblems,
  ...appsProblems,
  ...leaseProblems,
  ...archivesProblems,
  ...linksProblems,
  ...messagesProblems,
  ...developingProblems,
  ...storageProblems,
  ...simulateProblems,
  ...hostileProblems,
  ...rolloutsProblems,
  ...successionsProblems,
  ...commandsProblems,
  ...watchProblems,
  ...updatesProblems,
  ...volumeProblems,
  ...databaseProblems,
  ...workersProblems,
  ...fleetProblems,
  ...safeProblems,
  ...networkProblems,
  ...backupProblems,
  ...termsProblems,
  ...accountsProblems,
} as const;

export type ProblemCode = keyof typeof table;
export const problemCodes = Object.keys(table) as ProblemCode[];

/** Problem details, RFC 9457, `application/problem+json`. `code` and `remedy` are ours and stable. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'urn:webizen:problem:{code}' }),
    title: Type.String({ description: 'what is wrong, in one sentence' }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    code: Type.String({ description: 'stable; programs branch on this' }),
    remedy: Type.String({ description: 'what to do about it' }),
    detail: Type.Optional(Type.String({ description: 'what this occurrence adds' })),
  },
  { $id: 'Problem', additionalProperties: true },
);
export type Problem = Static<typeof Problem>;

export const isProblemCode = (code: unknown): code is ProblemCode =>
  typeof code === 'string' && Object.hasOwn(table, code);

export function problem(code: ProblemCode, detail?: string): Problem {
  const [status, title, remedy] = table[code];
  return { type: `urn:webizen:problem:${code}`, title, status, code, remedy, ...(detail ? { detail } : {}) };
}

/** A refusal with a code from the table. Thrown wherever a caller or a person is to be told what to do. */
export class Refusal extends Error {
  readonly code: ProblemCode;
  readonly detail: string | undefined;
  /** Extra response headers that the refusal needs, such as `WWW-Authenticate`. */
  readonly headers: Record<string, string>;

  constructor(code: ProblemCode, detail?: string, options: { cause?: unknown; headers?: Record<string, string> } = {}) {
    const [, title] = table[code];
    super(detail ? `${title}: ${detail}` : title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Refusal';
    this.code = code;
    this.detail = detail;
    this.headers = options.headers ?? {};
  }

  get problem(): Problem {
    return problem(this.code, this.detail);
  }

  get status(): number {
    return table[this.code][0];
  }

  get remedy(): string {
    return table[this.code][2];
  }
}
