import type { ComponentChildren } from 'preact';
import type { BoxDetail } from '#contract/operator.js';
import type { Tone } from './care.js';
import { Mark, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

function Fact(props: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

function Reports({ box }: { box: BoxDetail }) {
  const { certificate, standing } = box;
  const { admittedBy, factory, revocation } = standing;
  return (
    <div class="panel">
      <h2>{texts.box.facts}</h2>
      <dl>
        <Fact name={texts.box.enrolled}>
          <When at={box.enrolledAt} /> {texts.box.admittedBy[admittedBy]}
        </Fact>
        {factory && (
          <Fact name={texts.box.device}>
            {texts.box.deviceOf(factory.serial, factory.maker)}{' '}
            {factory.barred && <Mark tone="attention">{texts.box.barred}</Mark>}
          </Fact>
        )}
        {revocation && (
          <Fact name={texts.box.revokedAt}>
            <When at={revocation.at} />: {texts.box.endReasons[revocation.reason]}{' '}
            {revocation.reason === 'superseded' && revocation.to !== null && (
              <Link to={`/boxes/${revocation.to}`}>{revocation.to}</Link>
            )}
            {revocation.reason === 'left' && (revocation.to ?? texts.box.elsewhere)}
            {revocation.text !== null && ` (${revocation.text})`}
          </Fact>
        )}
        {box.birth && (
          <Fact name={texts.box.born}>
            <When at={box.birth.at} />
          </Fact>
        )}
        {box.health && (
          <Fact name={texts.box.newest}>
            <When at={box.health.at} />
          </Fact>
        )}
        <Fact name={texts.box.gaps}>
          {box.gaps === 0 ? texts.box.noGaps : <Mark tone="attention">{box.gaps.toLocaleString('en-GB')}</Mark>}
        </Fact>
        <Fact name={texts.box.certificateEnds}>
          <When at={certificate.notAfter} />
        </Fact>
        <Fact name={texts.box.serial}>
          <code>{certificate.serial}</code>
        </Fact>
      </dl>
    </div>
  );
}

function Hardware({ birth }: { birth: BoxDetail['birth'] }) {
  const hardware = birth?.hardware;
  return (
    <div class="panel">
      <h2>{texts.box.hardware}</h2>
      {!birth && <p class="muted">{texts.box.unknownHardware}</p>}
      <dl>
        {hardware && (
          <>
            <Fact name={texts.box.model}>{hardware.model}</Fact>
            <Fact name={texts.box.system}>{hardware.os}</Fact>
            <Fact name={texts.box.processor}>{texts.box.cores(hardware.cpus, hardware.arch)}</Fact>
            {hardware.atRest && <Fact name={texts.box.atRest}>{texts.box.atRests[hardware.atRest]}</Fact>}
          </>
        )}
        {birth && (
          <>
            <Fact name={texts.box.agent}>{birth.agent}</Fact>
            <Fact name={texts.box.api}>{birth.api}</Fact>
          </>
        )}
      </dl>
    </div>
  );
}

const toneOf: Record<string, Tone> = { running: 'good', 'backing-off': 'trouble' };

/** Why its update, or a restart of the box, waits: the app's own words, as text. */
function Leases({ leases }: { leases: NonNullable<NonNullable<BoxDetail['reported']>['leases']> }) {
  return (
    <ul class="leases">
      {leases.map(({ hold, reason, until }, index) => (
        <li key={`${index}-${reason}`} class="muted">
          {texts.box.holds[hold]}: “<bdi>{reason}</bdi>”, {texts.box.leaseEnds} <When at={until} />
        </li>
      ))}
    </ul>
  );
}

function Apps({ reported }: { reported: BoxDetail['reported'] }) {
  const apps = reported?.apps ?? [];
  const leasesOf = (id: string) => reported?.leases?.filter(({ app }) => app === id) ?? [];
  return (
    <div class="panel">
      <h2>{texts.box.apps}</h2>
      {apps.length === 0 && <p class="muted">{texts.box.noApps}</p>}
      <ul class="apps">
        {apps.map((app) => (
          <li key={app.id}>
            <strong>{app.id}</strong>
            <Mark tone={toneOf[app.state] ?? 'unknown'}>{texts.box.appStates[app.state]}</Mark>
            <span class="muted">{texts.box.restarts(app.restarts)}</span>
            {app.sandbox === 'none' && (
              <span title={texts.box.unsandboxedTitle}>
                <Mark tone="attention">{texts.box.unsandboxed}</Mark>
              </span>
            )}
            {leasesOf(app.id).length > 0 && <Leases leases={leasesOf(app.id)} />}
          </li>
        ))}
      </ul>
    </div>
  );
}

export function Facts({ box }: { box: BoxDetail }) {
  return (
    <section class="facts" aria-label={texts.box.facts}>
      <Reports box={box} />
      <Hardware birth={box.birth} />
      <Apps reported={box.reported} />
    </section>
  );
}
