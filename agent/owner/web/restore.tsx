/** Opening a backup: where it is and its code, what stands in it, and putting it in the place of what is here. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { BackupFound, BackupView } from '#contract/backup.js';
import { Progress } from './backup.js';
import { bytes } from './format.js';
import type { Live } from './live.js';
import { Failure, Field, Skeleton, Submit, Summary, Title, useForm, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { upload } from './upload.js';
import { useAsked } from './use-asked.js';

const words = texts.backup;
const say = words.read;
const word = 'restore';
const pollMilliseconds = 1000;

/** `setup`: nobody is its owner yet, so nothing is replaced. */
function Found({ live, below, found, forget }: { live: Live; below: string; found: BackupFound; forget: () => void }) {
  const isFresh = below.includes('/setup/');
  const [typed, setTyped] = useState('');
  const [isUnder, setUnder] = useState(false);
  const form = useForm(async () => {
    if (typed.trim().toLowerCase() !== word) return words.found.mismatch;
    await live.act('POST', `${below}/restore`, { id: found.id, word: typed });
    setUnder(true);
    return undefined;
  });
  const close = useForm(async () => {
    await live.act('DELETE', `${below}/found`);
    forget();
    return undefined;
  });
  // Who has not signed in is not told when the box has gone and come back.
  useEffect(() => {
    if (!isUnder) return;
    const timer = setInterval(() => void live.load(), pollMilliseconds);
    return () => clearInterval(timer);
  }, [isUnder, live]);
  if (isUnder)
    return (
      <div class="page" role="status">
        <Title key="under">{words.found.under}</Title>
        <p>{words.found.underLead}</p>
      </div>
    );
  const mayRestore = isFresh || found.ledger !== 'other';
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="word" />
      <Failure error={form.error ?? close.error} />
      <Title key="found">{words.found.title}</Title>
      <dl>
        <dt>{words.found.from}</dt>
        <dd>{found.box.name}</dd>
        <dt>{words.found.when}</dt>
        <dd>
          <When at={found.at} />
        </dd>
        <dt>{words.found.size}</dt>
        <dd>{bytes(found.sizeBytes)}</dd>
        <dt>{words.found.apps}</dt>
        <dd>{found.apps.map(({ name, version }) => `${name} ${version}`).join(', ') || words.found.noApps}</dd>
        <dt>{words.found.history}</dt>
        <dd>{words.found.entries(found.entries)}</dd>
      </dl>
      {mayRestore ? (
        <section class={isFresh ? 'panel' : 'notice trouble'} aria-labelledby="restore">
          <h2 id="restore">{words.found.section}</h2>
          <p>{isFresh ? words.found.fresh : words.found.replaces}</p>
          <Field id="word" label={words.found.word} fault={form.fault} value={typed} set={setTyped} maxLength={20} />
          <Submit isWorking={form.isWorking} dangerous={!isFresh}>
            {words.found.submit}
          </Submit>
        </section>
      ) : (
        <p class="notice attention">{words.found.other}</p>
      )}
      <button type="button" aria-disabled={close.isWorking} onClick={close.submit}>
        {words.found.forget}
      </button>
    </form>
  );
}

function Ask({ live, below, view, again }: { live: Live; below: string; view: BackupView; again: () => void }) {
  const isFresh = below.includes('/setup/');
  const onDisks = (view.disks ?? []).flatMap(({ id, backups }) => backups.map(({ file }) => ({ disk: id, file })));
  const [code, setCode] = useState('');
  const [place, setPlace] = useState('');
  const [file, setFile] = useState<File>();
  const [sent, setSent] = useState(0);
  const ending = useRef(new AbortController());
  useEffect(() => () => ending.current.abort(), []);
  const chosen = onDisks.find((one) => `${one.disk}/${one.file}` === place);
  const form = useForm(async () => {
    if (code.trim() === '') return say.noCode;
    if (!chosen && !file) return say.missing;
    if (chosen) await live.act('POST', `${below}/look-on-disk`, { ...chosen, code });
    else if (file)
      await upload<BackupFound>(`${below}/look`, file, {
        ...{ onProgress: setSent, signal: ending.current.signal },
        headers: { 'webizen-backup-code': code.replace(/[^0-9A-Za-z-]/g, '') },
      });
    again();
    return undefined;
  });
  const { job } = view;
  const isReading = job?.kind === 'read' && job.stage === 'reading';
  const isCodeMissing = form.fault === say.noCode;
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field={isCodeMissing ? 'backup-code' : 'backup-file'} />
      <Failure error={form.error} />
      <Title key="ask">{say.title}</Title>
      <p>{isFresh ? say.setupLead : say.lead}</p>
      {onDisks.length > 0 && (
        <div class="field">
          <label for="place">{say.where}</label>
          <select id="place" value={place} onChange={({ currentTarget }) => setPlace(currentTarget.value)}>
            <option value="">{say.file}</option>
            {onDisks.map((one) => (
              <option key={`${one.disk}/${one.file}`} value={`${one.disk}/${one.file}`}>
                {`${one.disk}: ${one.file}`}
              </option>
            ))}
          </select>
        </div>
      )}
      {!chosen && (
        <div class="field">
          <label for="backup-file">{say.file}</label>
          <input
            id="backup-file"
            type="file"
            accept=".age"
            aria-invalid={form.fault && !isCodeMissing ? true : undefined}
            onChange={({ currentTarget }) => setFile(currentTarget.files?.[0])}
          />
        </div>
      )}
      <Field
        id="backup-code"
        label={say.code}
        hint={say.codeHint}
        fault={isCodeMissing ? form.fault : undefined}
        value={code}
        set={setCode}
        autocapitalize="characters"
        maxLength={60}
        class="codes"
      />
      {form.isWorking && file && !chosen && (
        <div class="field">
          <progress aria-label={words.progress.label} max={file.size} value={sent < file.size ? sent : undefined} />
          <p>{say.sending(sent, file.size)}</p>
        </div>
      )}
      {job?.kind === 'read' && !form.isWorking && form.error === undefined && (isReading || job.stage === 'failed') && (
        <Progress job={job} />
      )}
      <Submit isWorking={form.isWorking || isReading}>{say.submit}</Submit>
      <p>
        <Link to={isFresh ? '/' : '/backup'}>{say.back}</Link>
      </p>
    </form>
  );
}

export function Restore({ live, below, version = 0 }: { live: Live; below: string; version?: number }) {
  const asked = useAsked<BackupView>(below, version);
  const told = asked.value;
  const isReading = told?.job?.kind === 'read' && told.job.stage === 'reading';
  // Who has not signed in is not told of news: what is read from a disk is asked after.
  useEffect(() => {
    if (!isReading) return;
    const timer = setTimeout(asked.again, pollMilliseconds);
    return () => clearTimeout(timer);
  });
  if (!told)
    return (
      <div class="page">
        <Title>{say.title}</Title>
        <Failure error={asked.error} />
        {asked.error === undefined && <Skeleton />}
      </div>
    );
  if (told.found) return <Found live={live} below={below} found={told.found} forget={asked.again} />;
  return <Ask live={live} below={below} view={told} again={asked.again} />;
}
