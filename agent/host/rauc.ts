/**
 * RAUC's command line. It speaks to RAUC's own service over D-Bus, which does the work as root and goes on with it where
 * this program ends meanwhile; no D-Bus library is needed here.
 *
 * What runs is named by /etc/os-release (IMAGE_VERSION): RAUC knows only what it has installed itself.
 */
import { execFile } from 'node:child_process';
import { Type } from 'typebox';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { OsHost, Slot, Slots } from './slots.js';

/** `rauc status --detailed --output-format=json`, 1.8 to 1.13; of each slot an object with its name as the one key. */
const Status = Type.Object({
  compatible: Type.String(),
  booted: Type.String(),
  boot_primary: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  slots: Type.Array(
    Type.Record(
      Type.String(),
      Type.Object({
        bootname: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        state: Type.String(),
        boot_status: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        slot_status: Type.Optional(
          Type.Object({
            bundle: Type.Optional(Type.Object({ version: Type.Optional(Type.Union([Type.String(), Type.Null()])) })),
            status: Type.Optional(Type.Union([Type.String(), Type.Null()])),
            installed: Type.Optional(Type.Object({ count: Type.Optional(Type.Integer()) })),
          }),
        ),
      }),
    ),
  ),
});

interface Ran {
  code: number | string;
  output: string;
  errors: string;
}

/** How RAUC says that it does not want this bundle, however often it is asked; all else may be the card, or the moment. */
const unwanted = /signature|invalid bundle|compatible mismatch|manifest|too small|not supported|format/i;
const busy = /already processing|already running|in progress/i;
const noService = /D-Bus/;

/** `LastError` where there is one, else the last that was said. */
function reason({ output, errors }: Ran): string {
  const told = /^LastError: (.+)$/m.exec(output)?.[1];
  const last = `${output}\n${errors}`.split('\n').findLast((line) => line.trim() !== '');
  return (told ?? last ?? 'it said nothing').trim().slice(0, 300);
}

/** Undefined where the file names none. */
export const imageVersion = (osRelease: string | undefined): string | undefined =>
  /^IMAGE_VERSION="?([0-9A-Za-z.-]+)"?$/m.exec(osRelease ?? '')?.[1];

/** What is said behind the mounting of a bundle. */
const isMounted = /target install group|Updating slots|Checking slot/i;
/** The mounting waits for the network at most so long before others may look at new devices again. */
const longestHold = 60_000;

export function createRauc(wish: {
  /** Of the root that runs. */
  osRelease: () => Promise<string | undefined>;
  program?: string;
  /** udev's own control program; what looks at new devices. */
  udevadm?: string;
  /** The whole of it; that of this program where nothing is said. */
  env?: Record<string, string>;
}): OsHost {
  const { program = 'rauc', udevadm = 'udevadm', osRelease } = wish;

  /** Never rejects but where there is no such program. */
  function run(args: readonly string[], signal?: AbortSignal, onSaid: (said: string) => void = () => {}): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const options = { ...(wish.env && { env: wish.env }), maxBuffer: 16 * 1024 * 1024, signal };
      const running = execFile(program, args, options, (error, output, errors) => {
        if (error?.code === 'ENOENT') return reject(new Refusal('os-unsupported', 'RAUC is not installed'));
        if (signal?.aborted) return reject(signal.reason);
        resolve({ code: error ? (error.code ?? 1) : 0, output, errors });
      });
      running.stdout?.on('data', onSaid);
    });
  }

  const udev = (what: 'stop' | 'start'): Promise<void> =>
    new Promise((resolve) => {
      const options = { ...(wish.env && { env: wish.env }) };
      execFile(udevadm, ['control', `--${what}-exec-queue`], options, () => resolve()); // a machine may have none
    });

  /**
   * A bundle that is streamed is a block device, which goes when nobody has it open any more: udev, which opens and closes each
   * new device, makes it go before RAUC has it mounted (rauc/rauc#1741, in 1.13 too). So udev is held until then; the agent's
   * unit lets it go on where this program ends meanwhile.
   */
  async function installStreamed(bundle: string, signal: AbortSignal): Promise<Ran> {
    await udev('stop');
    let isHeld = true;
    const letGo = async (): Promise<void> => {
      if (!isHeld) return;
      isHeld = false;
      await udev('start');
    };
    const timer = setTimeout(() => void letGo(), longestHold);
    try {
      return await run(['install', bundle], signal, (said) => {
        if (isMounted.test(said)) void letGo();
      });
    } finally {
      clearTimeout(timer);
      await letGo();
    }
  }

  async function slots(): Promise<Slots> {
    const ran = await run(['status', '--detailed', '--output-format=json']);
    const read = ran.code === 0 ? parseJson(Status, ran.output.slice(ran.output.indexOf('{'))) : undefined;
    if (!read?.ok) throw new Refusal('os-slots-unreadable', reason(ran));
    const found = read.value.slots.flatMap((one) => Object.entries(one)).filter(([, { bootname }]) => bootname);
    const [booted, ...none] = found.filter(([, { state }]) => state === 'booted');
    const [other, ...more] = found.filter(([, { state }]) => state !== 'booted');
    if (!booted || !other || none.length > 0 || more.length > 0)
      throw new Refusal('os-unsupported', `${found.length} slots, of which one is to be running`);
    const runs = imageVersion(await osRelease());
    const slotOf = ([name, { boot_status, slot_status }]: (typeof found)[number]): Slot => ({
      name,
      // What was cut off in the middle is nothing.
      version: (slot_status?.status === 'ok' && slot_status.bundle?.version) || undefined,
      installs: slot_status?.installed?.count ?? 0,
      isGood: boot_status === 'good',
    });
    const running = slotOf(booted);
    return {
      compatible: read.value.compatible,
      booted: { ...running, version: runs ?? running.version },
      other: slotOf(other),
      primary: read.value.boot_primary ?? undefined,
    };
  }

  async function mark(how: 'active' | 'good' | 'bad', slot: string): Promise<void> {
    const ran = await run(['status', `mark-${how}`, slot]);
    if (ran.code !== 0) throw new Refusal('os-slots-unreadable', `mark-${how} ${slot}: ${reason(ran)}`);
  }

  return {
    slots,
    async install(bundle, signal) {
      const ran = bundle.startsWith('/')
        ? await run(['install', bundle], signal)
        : await installStreamed(bundle, signal);
      if (ran.code === 0) return;
      const said = reason(ran);
      if (busy.test(said) || busy.test(ran.errors)) throw new Refusal('os-busy', said);
      if (noService.test(said)) throw new Refusal('os-slots-unreadable', said);
      throw new Refusal(unwanted.test(said) ? 'os-bundle-refused' : 'os-install-failed', said);
    },
    activate: (slot) => mark('active', slot),
    markGood: (slot) => mark('good', slot),
    markBad: (slot) => mark('bad', slot),
  };
}
