import { useEffect, useRef, useState } from 'preact/hooks';
import type { AppOffer } from '#contract/installed.js';
import type { Live } from './live.js';
import { Failure, Mark, Submit, Summary, useForm } from './parts.js';
import { turnTo } from './route.js';
import { texts } from './texts.js';
import { upload } from './upload.js';

const words = texts.apps.file;
/** As the contract has it (`largestArchive`), which a page does not load: the box refuses it in any case. */
const mostBytes = 2 * 1024 ** 3;

/** Sent as it is read, so that a large file needs no memory; then it is an offer like any other. */
export function AppFile({ live }: { live: Live }) {
  const [file, setFile] = useState<File>();
  const [sent, setSent] = useState(0);
  const [isStopped, setStopped] = useState(false);
  const ending = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => ending.current?.abort(), []);
  const form = useForm(async () => {
    setStopped(false);
    if (!file) return words.missing;
    if (file.size > mostBytes) return words.large(mostBytes);
    setSent(0);
    const abort = new AbortController();
    ending.current = abort;
    const { signal } = abort;
    try {
      const offer = await upload<AppOffer>('/v1/offers', file, { onProgress: setSent, signal });
      live.keepOffer(offer);
      turnTo(`/install/${offer.release}`);
    } catch (error) {
      if (!signal.aborted) throw error;
      setStopped(true);
    }
    return undefined;
  });
  const isSent = file !== undefined && sent >= file.size;
  return (
    <form class="panel" onSubmit={form.submit} noValidate aria-labelledby="file-title">
      <h2 id="file-title">{words.title}</h2>
      <p>{words.lead}</p>
      <Summary fault={form.fault} field="file" />
      <Failure error={form.error} />
      <div class="field">
        <label for="file">{words.label}</label>
        <input
          id="file"
          type="file"
          accept=".wza"
          aria-invalid={form.fault ? true : undefined}
          onChange={(event) => setFile(event.currentTarget.files?.[0])}
        />
      </div>
      {form.isWorking && file && (
        <div class="field">
          <progress aria-label={words.progress} max={file.size} value={isSent ? undefined : sent} />
          {!isSent && <p>{words.sending(sent, file.size)}</p>}
        </div>
      )}
      <p role="status">
        {isStopped ? <Mark tone="unknown">{words.stopped}</Mark> : form.isWorking && isSent && words.checking}
      </p>
      <div class="acts">
        <Submit isWorking={form.isWorking}>{words.submit}</Submit>
        {form.isWorking && (
          <button type="button" onClick={() => ending.current?.abort()}>
            {words.stop}
          </button>
        )}
      </div>
    </form>
  );
}
