/** One closed month: each charge, where the box reckons otherwise, and what there is to save. */
import type { OwnerMonth } from '#contract/owner-months.js';
import { exact } from './format.js';
import type { HomeProps } from './home.js';
import { MonthLine } from './month-line.js';
import { Details, Failure, Mark, Skeleton, Title, useForm } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';

const words = texts.months.one;

function Differs({ live, its, again }: Pick<HomeProps, 'live'> & { its: OwnerMonth; again: () => void }) {
  const form = useForm(async () => {
    await live.act('POST', `/v1/months/${its.box}/${its.month}/seen`);
    again();
    return undefined;
  });
  const whole = its.differences.filter(({ line }) => line === null);
  return (
    <form class="notice attention" onSubmit={form.submit} aria-labelledby="what">
      <strong id="what">{words.what}</strong>
      {whole.map((one) => (
        <Mark key={`${one.is} ${one.unit}`} tone="attention">
          {texts.months.differs(one)}
        </Mark>
      ))}
      {words.whatLead.map((one) => (
        <p key={one}>{one}</p>
      ))}
      <Failure error={form.error} />
      {!its.isSeen && (
        <button type="submit" aria-disabled={form.isWorking}>
          {form.isWorking ? texts.working : words.seen}
        </button>
      )}
    </form>
  );
}

function Saved({ its }: { its: OwnerMonth }) {
  const { box, month, invoices } = its;
  return (
    <>
      <p class="acts">
        <a class="button" href={`/v1/months/${box}/${month}/csv`} download>
          {words.csv}
        </a>
        {invoices.map(({ number }) => (
          <a key={number} class="button" href={`/v1/months/${box}/invoices/${number}`} download>
            {words.invoice(number)}
          </a>
        ))}
      </p>
      {invoices
        .filter(({ type, agrees }) => type === '380' && agrees)
        .map(({ number, currency, amount, reference }) => (
          <p key={number} class="muted">
            {words.pay(number, texts.months.sums([{ currency, amount }]), reference)}
          </p>
        ))}
      {invoices
        .filter(({ agrees }) => !agrees)
        .map(({ number }) => (
          <Mark key={number} tone="attention">
            {words.invoiceDiffers(number)}
          </Mark>
        ))}
      {invoices.length === 0 && its.entries > 0 && <p class="muted">{words.noInvoice}</p>}
    </>
  );
}

export function Month(
  props: HomeProps & { box: string; month: string; version: number; nameOf: (app: string) => string },
) {
  const { live, box, month, version, nameOf } = props;
  const { value, error, again } = useAsked<OwnerMonth>(`/v1/months/${box}/${month}`, version);
  if (!value)
    return error === undefined ? (
      <Skeleton />
    ) : (
      <div class="page wide">
        <Title>{words.gone}</Title>
        <Failure error={error} />
        <Link to="/months">{words.back}</Link>
      </div>
    );
  const { lines, differences, sums } = value;
  const title =
    differences.length > 0 ? words.differs(month, differences.length) : words.title(month, texts.months.sums(sums));
  return (
    <div class="page wide">
      <p>
        <Link to="/months">{words.back}</Link>
      </p>
      <Title>{title}</Title>
      {differences.length > 0 ? (
        <Differs live={live} its={value} again={again} />
      ) : (
        lines.length > 0 && <Mark tone="good">{words.agrees}</Mark>
      )}
      <section class="panel" aria-labelledby="lines">
        <h2 id="lines">{words.lines}</h2>
        {lines.length === 0 && <p class="muted">{words.none}</p>}
        <ul class="month-lines">
          {lines.map((line, at) => (
            <MonthLine
              key={`${line.agreement} ${line.period} ${line.for} ${line.unit ?? line.credit} ${at}`}
              line={line}
              name={nameOf(line.app)}
              month={month}
              differences={differences.filter((one) => one.line === at)}
            />
          ))}
        </ul>
        <p class="month-sum">
          <span>{texts.months.list.sum}</span> <strong>{texts.months.sums(sums)}</strong>
        </p>
      </section>
      <Saved its={value} />
      <Details summary={texts.details}>
        <dl>
          <dt>{words.closedAt}</dt>
          <dd>{exact(value.closedAt)}</dd>
          <dt>{words.kept}</dt>
          <dd>{exact(value.keptAt)}</dd>
          <dt>{words.provider}</dt>
          <dd>
            <code>{value.territory}</code>
          </dd>
          <dt>{words.box}</dt>
          <dd>
            <code>{value.box}</code>
          </dd>
          <dt>{words.hash}</dt>
          <dd>
            <code>{value.sha256}</code>
          </dd>
        </dl>
      </Details>
    </div>
  );
}
