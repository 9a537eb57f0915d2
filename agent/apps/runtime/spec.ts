/**
 * The one container that an app gets, as podman's API takes it (SpecGenerator). Everything that an image could bring along
 * and that the owner did not agree to is set here or switched off: its user, entry point, environment, volumes, health
 * check.
 */
import { createHash } from 'node:crypto';
import type { Manifest } from '#contract/manifest.js';

/** What bounds an app beside what its manifest asks for. */
export const limits = {
  /** Of /tmp and of the run directory, in memory that counts as the app's. A page has 4 KiB, on some boards 16 KiB. */
  tmpPages: 16_384,
  runPages: 2048,
  /** Files and folders in them. */
  tmpFiles: 4096,
  runFiles: 1024,
  sharedMemoryBytes: 16 * 1024 ** 2,
  openFiles: 1024,
  /** Of what it prints: at that size the engine begins anew. */
  logBytes: 1024 ** 2,
} as const;

export const labels = {
  app: 'webizen.app',
  release: 'webizen.release',
  image: 'webizen.image',
  socket: 'webizen.socket',
  spec: 'webizen.spec',
};
export const socketInside = '/run/webizen';
export const runInside = '/run/app';

export interface ContainerWish {
  id: string;
  release: string;
  /** Digest of the OCI manifest. */
  image: string;
  /** The engine's id of it: a name could come to mean another. */
  imageId: string;
  manifest: Manifest;
  /** With `api.sock` in it. */
  socketDirectory: string;
  /** A file that the engine reads. */
  seccompFile: string;
}

/**
 * Each app has a number of its own, which exists on the machine too: what counts by user, processes above all, is not shared
 * among apps, nor with anybody who may log in. No user namespaces: podman (5.2 to 5.7 at least) leaves what it mounted for such
 * a container mounted when that ends by itself (its issue 28147).
 */
export const userOf = (id: string): number =>
  1_000_000_000 + (createHash('sha256').update(id).digest().readUInt32BE(0) % 1_000_000_000);

/** An app's variables, but for those that say where the box's things are. */
export const environmentOf = ({ run }: Manifest): Record<string, string> => ({
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
  HOME: '/tmp',
  ...run.environment,
});

export type ContainerSpec = ReturnType<typeof containerSpec>;

function specOf(wish: ContainerWish) {
  const { memoryMiB, cpus, pids } = wish.manifest.resources;
  const memoryBytes = memoryMiB * 1024 ** 2;
  const user = userOf(wish.id);
  const limit = (type: string, value: number) => ({ type, soft: value, hard: value });
  return {
    name: `webizen-${wish.id}`,
    image: wish.imageId,
    entrypoint: wish.manifest.run.command,
    command: [],
    work_dir: '/',
    user: `${user}:${user}`,
    hostname: 'app',
    terminal: false,
    stdin: false,
    init: true, // Node as process 1 ignores SIGTERM, and nobody reaps
    systemd: 'false',
    stop_signal: 15,
    restart_policy: 'no',
    sdnotifyMode: 'ignore',
    healthconfig: { Test: ['NONE'] },
    image_volume_mode: 'ignore', // they would be disk without a limit
    unsetenvall: true,
    httpproxy: false,
    env_host: false,
    // Ours last: a manifest cannot say where the socket is.
    env: {
      ...environmentOf(wish.manifest),
      WEBIZEN_SOCKET: `${socketInside}/api.sock`,
      WEBIZEN_RUN: runInside,
    },
    netns: { nsmode: 'none' },
    pidns: { nsmode: 'private' },
    ipcns: { nsmode: 'none' }, // its own, without podman's /dev/shm
    utsns: { nsmode: 'private' },
    cgroupns: { nsmode: 'private' },
    userns: { nsmode: 'host' },
    read_only_filesystem: true,
    privileged: false,
    cap_drop: ['ALL'],
    cap_add: [],
    no_new_privileges: true,
    seccomp_profile_path: wish.seccompFile,
    mounts: [
      {
        destination: socketInside,
        type: 'bind',
        source: wish.socketDirectory,
        options: ['ro', 'nosuid', 'nodev', 'noexec', 'rprivate', 'bind'],
      },
      // Podman's own one of a container with a read-only root is read-only too, from version 4.6 on.
      {
        destination: '/dev/shm',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['rw', 'nosuid', 'nodev', 'noexec', 'mode=1777', `size=${limits.sharedMemoryBytes}`],
      },
    ],
    volumes: volumesOf(wish.id).map(({ name, inside }) => ({
      Name: name,
      Dest: inside,
      Options: ['rw', 'nosuid', 'nodev', 'noexec'],
    })),
    resource_limits: {
      // `swap` is memory and swap together: an app that may swap wears out the card and slows everybody.
      memory: { limit: memoryBytes, swap: memoryBytes },
      pids: { limit: pids },
      cpu: { period: 100_000, quota: Math.max(1000, Math.round(cpus * 100_000)) },
    },
    // When the whole machine runs out of memory an app goes, not the agent.
    oom_score_adj: 500,
    r_limits: [limit('nofile', limits.openFiles), limit('nproc', pids), limit('core', 0)],
    log_configuration: { driver: 'k8s-file', size: limits.logBytes },
  };
}

export function containerSpec(wish: ContainerWish) {
  const spec = specOf(wish);
  const fingerprint = createHash('sha256').update(JSON.stringify(spec)).digest('hex');
  return {
    ...spec,
    labels: {
      [labels.app]: wish.id,
      [labels.release]: wish.release,
      [labels.image]: wish.image,
      [labels.socket]: wish.socketDirectory,
      [labels.spec]: fingerprint,
    },
  };
}

const memoryDisk = (pages: number, files: number) => ({
  type: 'tmpfs',
  device: 'tmpfs',
  // With `size=` podman 4 looks for a disk quota; without an owner it takes owner and mode from the image's folder there.
  o: `uid=0,gid=0,nr_blocks=${pages},nr_inodes=${files},mode=1777,nosuid,nodev,noexec`,
});

export const runVolume = (id: string): string => `webizen-${id}`;

/**
 * All that an app can write to beside its storage: each a tmpfs of its own, so that neither the disk nor another app's
 * share can be filled from it. As volumes they have this mode and these limits whatever the image has at the place.
 */
export const volumesOf = (id: string) => [
  { name: runVolume(id), inside: runInside, options: memoryDisk(limits.runPages, limits.runFiles) },
  { name: `webizen-${id}-tmp`, inside: '/tmp', options: memoryDisk(limits.tmpPages, limits.tmpFiles) },
];
