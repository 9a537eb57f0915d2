/** What removing an app is made of. Once its container goes there is no way back; the record goes last. */
import type { StepContext, StepKind } from '../changes/run.js';
import type { InstallParts } from './install-steps.js';
import { type Installed, mayRun } from './installed.js';

export function createRemoveSteps(
  parts: Pick<InstallParts, 'members' | 'running' | 'grants' | 'storage' | 'write' | 'tidy'> & { installed: Installed },
): Record<string, StepKind> {
  const { installed, members, running, grants, storage } = parts;
  const appOf = ({ data }: StepContext): string => String(data.app);
  return {
    'app-stop': {
      async do(context) {
        await running.stop(appOf(context));
      },
      async undo(context) {
        const record = installed.get(appOf(context));
        if (record?.current && mayRun(record, members)) await running.run(record.id, record.current);
      },
    },
    'app-container': {
      noReturn: true,
      async do(context) {
        await running.halt(appOf(context));
      },
    },
    'app-data': {
      async do(context) {
        await grants.drop(appOf(context));
        await storage.forget(appOf(context));
      },
    },
    'app-record': {
      async do(context) {
        await parts.write(context.id, 'app.removed', { app: appOf(context) });
        await installed.remove(appOf(context));
      },
    },
    'app-image': {
      async do() {
        await parts.tidy();
      },
    },
  };
}
