import { useEffect, useState } from 'preact/hooks';
import type { Election } from '#contract/membership.js';
import { Refused } from './api.js';
import type { Live } from './live.js';
import { Failure, Field, Skeleton, Submit, Summary, Title, useForm } from './parts.js';
import { texts } from './texts.js';

const words = texts.claim;

export interface ClaimProps {
  live: Live;
  act: 'election' | 'transfer';
  election: Election;
  name: string;
  /** The provider that a voucher chose is kept: there is nothing to ask. */
  isKept?: boolean | undefined;
  /** What is under way is taken back first. */
  isAgain?: boolean;
  back: () => void;
  begun?: (() => void) | undefined;
}

export function Claim({ live, act, election, name, isKept, isAgain, back, begun }: ClaimProps) {
  const [code, setCode] = useState('');
  const begin = async (claimCode: string | undefined): Promise<void> => {
    if (isAgain)
      await live.act('POST', '/v1/election/abandon').catch((error: unknown) => {
        // It ended by itself meanwhile: there is nothing left to take back.
        if (!(error instanceof Refused && error.problem.code === 'not-waiting')) throw error;
      });
    await live.act('POST', `/v1/${act}`, { ...election, ...(claimCode ? { claimCode } : {}) });
    begun?.();
  };
  const join = useForm(async () => {
    if (code.trim() === '') return words.empty;
    await begin(code.trim());
    return undefined;
  });
  const ask = useForm(async () => {
    await begin(undefined);
    return undefined;
  });
  useEffect(() => {
    if (isKept) ask.submit(new Event('submit'));
  }, []);
  if (isKept && ask.error === undefined) return <Skeleton />;
  return (
    <div class="page">
      <form class="page" onSubmit={join.submit} noValidate>
        <Summary fault={join.fault} field="claim" />
        <Failure error={join.error} />
        <Title>{words.title(name)}</Title>
        <p>{words.lead}</p>
        {act === 'transfer' && <p>{words.moveLead}</p>}
        <Field
          id="claim"
          label={words.label}
          hint={words.hint}
          fault={join.fault}
          value={code}
          set={setCode}
          autocomplete="off"
          maxLength={100}
          class="codes"
        />
        <div class="acts">
          <Submit isWorking={join.isWorking}>{words.submit}</Submit>
          <button type="button" onClick={back}>
            {texts.back}
          </button>
        </div>
      </form>
      <form class="panel" onSubmit={ask.submit} noValidate>
        <Failure error={ask.error} />
        <h2>{words.without}</h2>
        <p>{words.askLead}</p>
        <button type="submit" aria-disabled={ask.isWorking}>
          {ask.isWorking ? texts.working : words.ask}
        </button>
      </form>
    </div>
  );
}
