/** Whether what a box tells is an agreement that its owner signed, about a release as it was published. */
import { planOf, readAgreement, readAgreementEnd } from '#common/agreements.js';
import type { Agreement, ToldAgreement } from '#contract/agreements.js';
import type { Plan } from '#contract/plans.js';
import { Refusal } from '#contract/problems.js';

export interface Published {
  app: string;
  version: string;
  member: string;
  plans: readonly Plan[];
}

/** Boxes' clocks are put right by ours, to within this. */
const slackMilliseconds = 3_600_000;

/** @throws Refusal `agreement-invalid` */
export async function judgeAgreement(
  told: ToldAgreement,
  about: {
    box: string;
    territory: string;
    now: number;
    /** When the box came in. */
    enrolledAt: number;
    published(release: string): Published | undefined;
  },
): Promise<Agreement> {
  const { box, territory, now, enrolledAt, published } = about;
  const not = (why: string): Refusal => new Refusal('agreement-invalid', why);
  const agreement = (await readAgreement(told.agreement))?.agreement;
  if (!agreement) throw not('its owner has not signed this');
  const { id, at } = agreement;
  if (agreement.box !== box) throw not(`${id} is another box's`);
  if (at > now + slackMilliseconds) throw not(`${id} is of a time to come`);
  if (at < enrolledAt - slackMilliseconds) throw not(`${id} is older than the box`);
  if (told.since !== null && (told.since < at - slackMilliseconds || told.since > now + slackMilliseconds))
    throw not(`${id} begins at another time`);
  if (agreement.territory === territory) {
    const release = published(agreement.release);
    if (!release) throw not(`${id} is about a release that was not published here`);
    if (release.app !== agreement.app || release.version !== agreement.version || release.member !== agreement.member)
      throw not(`${id} calls its release something else`);
    if (!planOf(release.plans, agreement.digest)) throw not(`${id} has terms that the release has not`);
  }
  await judgeEnd(told, agreement, now);
  return agreement;
}

async function judgeEnd({ ended }: ToldAgreement, { id, at }: Agreement, now: number): Promise<void> {
  if (!ended) return;
  const not = (why: string): Refusal => new Refusal('agreement-invalid', `the end of ${id} ${why}`);
  if (ended.at < at - slackMilliseconds || ended.at > now + slackMilliseconds) throw not('is of another time');
  if (ended.why !== 'left' && ended.end === null) return;
  const signed = ended.end === null ? undefined : await readAgreementEnd(ended.end);
  if (signed?.id !== id || signed.at !== ended.at) throw not('is not signed by its owner');
}
