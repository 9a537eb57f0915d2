/** The page about backups: when the last one was made and whether it was checked, and the ways to make one. */
import { useState } from 'preact/hooks';
import type { BackupDisk, BackupJob, BackupLast, BackupView } from '#contract/backup.js';
import { BackupCodeShown } from './backup-code.js';
import { bytes } from './format.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Details, Failure, Mark, Skeleton, Submit, Title, Trouble, useForm, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { useAsked } from './use-asked.js';
import { keyOf, windowOf } from './window.js';
import { WindowField } from './window-field.js';

const words = texts.backup;
const isUnderWay = (job: BackupJob | null): boolean => job !== null && !/done|failed/.test(job.stage);

function titleOf({ job, last, failed }: BackupView): string {
  if (job && job.kind !== 'read' && isUnderWay(job)) return words.title.working;
  if (failed) return words.title.failed;
  return last ? words.title.last(last.at) : words.title.none;
}

export function Progress({ job }: { job: BackupJob }) {
  const { stage, doneBytes, totalBytes, kind } = job;
  const say = words.progress;
  if (stage === 'failed') return job.problem ? <Trouble told={job.problem} /> : null;
  const isKnown = totalBytes !== null && doneBytes <= totalBytes;
  const said = {
    writing: say.writing(doneBytes, totalBytes),
    'reading-back': say['reading-back'],
    reading: say.reading(doneBytes),
    done: kind === 'disk' ? say.done : say.doneFile,
  };
  return (
    <div class="field" role="status">
      {stage !== 'done' && (
        <progress aria-label={say.label} max={totalBytes ?? 1} value={isKnown ? doneBytes : undefined} />
      )}
      <p>{stage === 'done' ? <Mark tone="good">{said.done}</Mark> : said[stage]}</p>
    </div>
  );
}

function Last({ last }: { last: BackupLast }) {
  const say = words.last;
  return (
    <section class="panel" aria-labelledby="last">
      <h2 id="last">{say.section}</h2>
      <dl>
        <dt>{say.when}</dt>
        <dd>
          <When at={last.at} />
        </dd>
        <dt>{say.to[last.to]}</dt>
        <dd>{last.place}</dd>
        <dt>{say.size}</dt>
        <dd>{bytes(last.sizeBytes)}</dd>
        <dt>{say.checked}</dt>
        <dd>
          <Mark tone={last.verified === 'opened' ? 'good' : 'unknown'}>{say.verified[last.verified]}</Mark>
        </dd>
      </dl>
    </section>
  );
}

function Code({ live, codeAt, show }: { live: Live; codeAt: number | null; show: (code: string) => void }) {
  const say = words.code;
  const form = useForm(async () => {
    const { code } = await live.act<{ code: string }>('POST', '/v1/backup/code');
    show(code);
    return undefined;
  });
  const make = (
    <>
      <Failure error={form.error} />
      <button
        type="button"
        class={codeAt === null ? 'main' : undefined}
        aria-disabled={form.isWorking}
        onClick={form.submit}
      >
        {form.isWorking ? texts.working : codeAt === null ? say.make : say.another}
      </button>
    </>
  );
  return (
    <section class="panel" aria-labelledby="code">
      <h2 id="code">{say.section}</h2>
      {codeAt === null ? (
        <>
          <p>{say.none}</p>
          {make}
        </>
      ) : (
        <>
          <p>
            {say.made} <When at={codeAt} />.
          </p>
          <Details summary={say.another}>
            <p>{say.anotherLead}</p>
            {make}
          </Details>
        </>
      )}
    </section>
  );
}

function Disk({ live, disk, isBusy }: { live: Live; disk: BackupDisk; isBusy: boolean }) {
  const form = useForm(async () => {
    await live.act('POST', '/v1/backup/disk', { disk: disk.id });
    return undefined;
  });
  const own = disk.backups.filter((one) => one.own).length;
  return (
    <li>
      <p>
        {words.disk.name(disk.id, disk.freeBytes)}
        {own > 0 && <small class="muted"> {words.disk.count(own)}</small>}
      </p>
      <Failure error={form.error} />
      <button type="button" aria-disabled={form.isWorking || isBusy} onClick={form.submit}>
        {words.disk.write(disk.id)}
      </button>
    </li>
  );
}

function Weekly({ live, settings }: { live: Live; settings: BackupView['settings'] }) {
  const say = words.settings;
  const [weekly, setWeekly] = useState(settings.weekly);
  const [keep, setKeep] = useState(settings.keep);
  const [window, setWindow] = useState(keyOf(settings.window));
  const [isSaved, setSaved] = useState(false);
  const form = useForm(async () => {
    setSaved(false);
    await live.act('PUT', '/v1/backup/settings', { weekly, keep, window: windowOf(window) });
    setSaved(true);
    return undefined;
  });
  return (
    <section class="panel" aria-labelledby="weekly">
      <h2 id="weekly">{say.section}</h2>
      <form class="page" onSubmit={form.submit}>
        <Failure error={form.error} />
        <label class="check" for="is-weekly">
          <input
            id="is-weekly"
            type="checkbox"
            checked={weekly}
            onChange={({ currentTarget }) => setWeekly(currentTarget.checked)}
          />
          <span>{say.weekly}</span>
        </label>
        <WindowField say={say} value={window} set={setWindow} />
        <div class="field">
          <label for="keep">{say.keep}</label>
          <select id="keep" value={String(keep)} onChange={({ currentTarget }) => setKeep(Number(currentTarget.value))}>
            {[...new Set([1, 2, 3, 5, 10, 20, keep])]
              .sort((a, b) => a - b)
              .map((count) => (
                <option key={count} value={String(count)}>
                  {count}
                </option>
              ))}
          </select>
        </div>
        <p role="status">{isSaved && <Mark tone="good">{say.saved}</Mark>}</p>
        <Submit isWorking={form.isWorking}>{say.save}</Submit>
      </form>
    </section>
  );
}

function Restored({ live, restored }: { live: Live; restored: NonNullable<BackupView['restored']> }) {
  const say = words.restored;
  const form = useForm(async () => {
    await live.act('DELETE', '/v1/backup/restored');
    return undefined;
  });
  return (
    <section class="notice attention" aria-labelledby="restored">
      <h2 id="restored">{say.section}</h2>
      <p>{say.lead(restored.box, restored.backupAt)}</p>
      <p>{say.anew}</p>
      <p>
        <Link to="/apps">{say.apps}</Link>
      </p>
      <p>
        <Link to="/history">{say.history}</Link>
      </p>
      <Failure error={form.error} />
      <button type="button" aria-disabled={form.isWorking} onClick={form.submit}>
        {say.seen}
      </button>
    </section>
  );
}

export function Backup({ live, view }: HomeProps) {
  const found = useAsked<BackupView>('/v1/backup', view.backup?.version ?? 0);
  const [code, show] = useState<string>();
  const told = found.value;
  if (code !== undefined) return <BackupCodeShown code={code} done={() => show(undefined)} />;
  return (
    <div class="page wide">
      <Title>{told ? titleOf(told) : words.link}</Title>
      <Failure error={found.error} />
      {!told && found.error === undefined && <Skeleton />}
      {told && (
        <>
          <p>{words.lead}</p>
          {told.restored && <Restored live={live} restored={told.restored} />}
          {told.job && told.job.kind !== 'read' && <Progress job={told.job} />}
          {told.failed && !told.job?.problem && <Trouble told={told.failed.problem} live={false} />}
          {told.last && <Last last={told.last} />}
          <Code live={live} codeAt={told.codeAt} show={show} />
          {told.codeAt !== null && (
            <>
              <section class="panel" aria-labelledby="file">
                <h2 id="file">{words.file.section}</h2>
                <p>{words.file.lead(told.estimateBytes)}</p>
                <a class="button" href="/v1/backup/file" download>
                  {words.file.save}
                </a>
              </section>
              {told.disks && (
                <section class="panel" aria-labelledby="disk">
                  <h2 id="disk">{words.disk.section}</h2>
                  {told.disks.length === 0 && <p>{words.disk.none}</p>}
                  <ul class="plain">
                    {told.disks.map((disk) => (
                      <Disk key={disk.id} live={live} disk={disk} isBusy={isUnderWay(told.job)} />
                    ))}
                  </ul>
                </section>
              )}
              {told.disks && <Weekly live={live} settings={told.settings} />}
            </>
          )}
          <p>
            <Link to="/restore">{words.toRestore}</Link>
          </p>
        </>
      )}
    </div>
  );
}
