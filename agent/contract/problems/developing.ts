/** What is refused around a box that is simulated on a developer's machine. */
import type { ProblemTable } from './table.js';

export const developingProblems = {
  'developing-only': [
    409,
    'apps run so on a machine for developing alone',
    'on a box that is somebody’s, apps run in podman: name it as runtime.podman in the configuration; to develop, use webizen app dev in a folder of its own',
  ],
  'dev-fault-unknown': [404, 'there is no such fault', 'webizen app --help lists them'],
  'dev-not-asked-for': [
    409,
    'the manifest does not ask for this permission',
    'name one that stands under capabilities in webizen.json',
  ],
  'dev-box-ended': [500, 'the simulated box has ended by itself', 'read what it said before, and start it again'],
  'bubblewrap-missing': [
    503,
    'bubblewrap cannot make a sandbox on this machine',
    'install it (Debian: bubblewrap) and allow user namespaces, or run without a sandbox: --sandbox none',
  ],
} as const satisfies ProblemTable;
