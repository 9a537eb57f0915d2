/**
 * Commands over the control socket, each an act like one of the console. Who reaches the socket has the account that the
 * territory belongs to, and with it every right; which person that is, is not known here.
 */
import type { Handlers } from '#common/control.js';
import { Refusal } from '#contract/problems.js';
import type { Audit } from './audit.js';
import { madeBy } from './facts.js';

export const machine = '(this machine)';

/** @param reads the operations that alter nothing */
export function auditCommands(
  handlers: Handlers,
  audit: Audit,
  reads: (name: string, given: unknown) => boolean,
): Handlers {
  const audited = ([name, handler]: [string, Handlers[string]]): [string, Handlers[string]] => [
    name,
    async (parameters) => {
      if (reads(name, parameters)) return handler(parameters);
      const act = { act: name, who: machine, role: 'admin', via: 'command' as const, facts: [parameters] };
      const index = await audit.begin(act);
      try {
        const answer = await handler(parameters);
        await audit.end(index, 'ok', madeBy(answer));
        return answer;
      } catch (error) {
        await audit.end(index, error instanceof Refusal ? error.code : 'internal');
        throw error;
      }
    },
  ];
  return Object.fromEntries(Object.entries(handlers).map(audited));
}
