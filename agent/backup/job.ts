/** One piece of work at a time, and how far it is. */
import type { BackupJob } from '#contract/backup.js';
import { Refusal } from '#contract/problems.js';

export interface Jobs {
  /** The one under way, or how the last one ended. */
  last(): BackupJob | null;
  isBusy(): boolean;
  /** @throws Refusal `backup-under-way` */
  begin(kind: BackupJob['kind'], totalBytes: number | null): void;
  progress(stage: BackupJob['stage'], doneBytes: number): void;
  /** @param error why it came to nothing */
  finish(error?: unknown): void;
  /** Nothing begins until the answer is called, and the last one is told no more. @throws Refusal `backup-under-way` */
  hold(): () => void;
  forget(): void;
}

export const toldOf = ({ problem: { code, title, remedy, detail } }: Refusal) => ({
  ...{ code, title, remedy },
  ...(detail === undefined ? {} : { detail }),
});
export const refusalOf = (error: unknown): Refusal =>
  error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error });

export function createJobs(tell: () => void): Jobs {
  let job: BackupJob | null = null;
  let isBusy = false;

  function take(): void {
    if (isBusy) throw new Refusal('backup-under-way');
    isBusy = true;
  }

  return {
    last: () => job,
    isBusy: () => isBusy,
    begin(kind, totalBytes) {
      take();
      job = { kind, stage: kind === 'read' ? 'reading' : 'writing', doneBytes: 0, totalBytes, problem: null };
      tell();
    },
    /** Each hundredth is told: a page needs no more. */
    progress(stage, doneBytes) {
      if (!job) return;
      const step = Math.max(1024 * 1024, (job.totalBytes ?? 0) / 100);
      const isNews = stage !== job.stage || doneBytes - job.doneBytes >= step;
      if (!isNews) return;
      job = { ...job, stage, doneBytes };
      tell();
    },
    finish(error) {
      isBusy = false;
      const problem = error === undefined ? null : toldOf(refusalOf(error));
      if (job) job = { ...job, stage: problem ? 'failed' : 'done', problem };
      tell();
    },
    hold() {
      take();
      return () => {
        isBusy = false;
      };
    },
    forget() {
      job = null;
    },
  };
}

/** The same pieces, counted, until it is ended. */
export async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  done: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const piece of pieces) {
    signal.throwIfAborted();
    bytes += piece.length;
    done(bytes);
    yield piece;
  }
}
