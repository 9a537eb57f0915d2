/** Operators, their acts and alerts, wired into what commands ask for. */
import { Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { NewOperator, OperatorName, Role } from '#contract/operators.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Audit } from './operators/audit.js';
import { auditCommands } from './operators/commands.js';
import type { Operators } from './operators/operators.js';

const One = Type.Object({ name: OperatorName });
const Given = Type.Object({ name: OperatorName, role: Role });
const From = Type.Object({
  index: Type.Integer({ minimum: 0 }),
  limit: Type.Integer({ minimum: 1, maximum: 1000 }),
});
const Newest = Type.Object({
  before: Type.Optional(Type.Integer({ minimum: 0 })),
  limit: Type.Integer({ minimum: 1, maximum: 1000 }),
});

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
}

export function createWatchOperations({ operators, audit }: { operators: Operators; audit: Audit }): Handlers {
  return {
    'operator.list': async () => operators.list(),
    'operator.add': async (parameters) => operators.add(wanted(check(NewOperator, parameters))),
    async 'operator.role'(parameters) {
      const { name, role } = wanted(check(Given, parameters));
      return operators.setRole(name, role);
    },
    'operator.reset': async (parameters) => operators.reset(wanted(check(One, parameters)).name),
    'operator.remove': async (parameters) => operators.remove(wanted(check(One, parameters)).name),
    'audit.read': async (parameters) => audit.from(wanted(check(From, parameters))),
    async 'audit.list'(parameters) {
      return { entries: await audit.page(wanted(check(Newest, parameters))), head: audit.head() };
    },
  };
}

const reading = /\.(list|show|read|ledger|keys|credential|succession|glance|filters|events|history)$/;
const isEmpty = (given: unknown): boolean => given === undefined || given === null || Object.keys(given).length === 0;

/** An operation that is not known to read alone is an act: better one entry too many. */
export const withAudit = (audit: Audit, handlers: Handlers): Handlers =>
  auditCommands(handlers, audit, (name, given) => reading.test(name) || (name.endsWith('.policy') && isEmpty(given)));
