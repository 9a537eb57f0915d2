/** What removing an app is made of. Once its container goes there is no way back; the record goes last. */
import type { StepContext, StepKind } from '../changes/run.js';
import type { InstallParts } from './install-steps.js';
import { type Installed, mayRun } from './installed.js';

export function createRemoveSteps(
  parts: Pick<InstallParts, 'members' | 'terms' | 'running' | 'grants' | 'storage' | 'tidy'> & { installed: Installed },
): Record<string, StepKind> {
  const { installed, running, grants, storage } = parts;
  const appOf = ({ data }: StepContext): string => String(data.app);
  return {
    'app-stop': {
      async do(context) {
        await running.stop(appOf(context));
      },
      async undo(context) {
        const record = installed.get(appOf(context));
        if (record?.current && mayRun(record, parts)) await running.run(record.id, record.current);
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
        const app = appOf(context);
        if (installed.get(app)) await installed.remove(app, { by: 'box', type: 'app.removed', facts: { app } });
      },
    },
    'app-image': {
      async do() {
        await parts.tidy();
      },
    },
  };
}
