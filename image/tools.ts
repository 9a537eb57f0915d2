/**
 * The programs that make the filesystems, in the image's own release's versions, unpacked beside the cache and run in it by
 * bubblewrap: what comes out is then the same whatever machine it was made on.
 */
import { existsSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { digestOf } from './fetch.js';
import type { Lock } from './lock.js';
import { built, cached } from './places.js';
import { repository } from './repository.js';
import { run } from './run.js';

export interface Tools {
  epochSeconds: number;
  /** Paths below `build/` and the cache are the same inside. @throws Error when it fails */
  run(program: string, args: string[], input?: string): void;
}

export function openTools(lock: Lock): Tools {
  const packages = lock.packages.filter((one) => one.section === 'tools');
  const home = cached('tools', digestOf(packages));
  if (!existsSync(home)) {
    const { line, names } = repository('tools', packages);
    const part = `${home}.part`;
    rmSync(part, { recursive: true, force: true });
    run('mmdebstrap', ['--quiet', '--variant=extract', `--include=${names.join(',')}`, 'trixie', part, line]);
    renameSync(part, home);
  }
  const binds = ['--bind', built(), built(), '--bind', realpathSync(cached('.')), realpathSync(cached('.'))];
  // The cache may be a link: what lies in it is then reached by both of its paths.
  const inside = ['--bind', home, '/', '--dev-bind', '/dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', ...binds];
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    SOURCE_DATE_EPOCH: String(lock.epochSeconds),
  };
  return {
    epochSeconds: lock.epochSeconds,
    run(program, args, input) {
      run('bwrap', [...inside, '--cap-add', 'ALL', program, ...args], input === undefined ? { env } : { env, input });
    },
  };
}
