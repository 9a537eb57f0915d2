/** What an operator's command line asks of agreements. */
import { Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { BoxId } from '#contract/box-id.js';
import { MemberId } from '#contract/member.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Agreements } from './agreements.js';

const Wish = Type.Object({
  box: Type.Optional(BoxId),
  member: Type.Optional(MemberId),
  after: Type.Optional(Type.String({ maxLength: 100 })),
  /** An answer must fit in one message of the control socket. */
  limit: Type.Integer({ minimum: 1, maximum: 500 }),
});

export const createAgreementOperations = (agreements: Agreements): Handlers => ({
  async 'agreement.list'(parameters) {
    const read = check(Wish, parameters);
    if (!read.ok) throw new Refusal('arguments-invalid', describeFaults(read.faults));
    return agreements.list(read.value);
  },
});
