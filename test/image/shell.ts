/** The host's side of the guest's shell: one script at a time, over the socket that QEMU opens. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface Ran {
  status: number;
  output: string;
}

export interface RunLimits {
  /** From when it is asked for; 300 when not given. */
  timeoutSeconds?: number;
}

export interface Shell {
  run(script: string, limits?: RunLimits): Promise<Ran>;
}

interface Asked {
  number: number;
  script: string;
  taken: boolean;
  resolve(ran: Ran): void;
  reject(error: Error): void;
}

async function connected(place: string, gone: () => boolean): Promise<Socket | undefined> {
  while (!gone()) {
    const socket = connect(place);
    const found = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    if (found) return socket;
    await new Promise((resolve) => setTimeout(resolve, 100)); // QEMU has not come to it
  }
  return undefined;
}

/** @param exit settles when the machine is gone */
export function openShell(place: string, exit: Promise<unknown>): Shell {
  let boot: string | undefined;
  let asked: Asked | undefined;
  let [number, gone] = [0, false];
  let turn: Promise<unknown> = Promise.resolve();
  let socket: Socket | undefined;

  function send(): void {
    if (boot === undefined || asked === undefined || asked.taken) return;
    socket?.write(`${boot} ${asked.number} ${Buffer.from(asked.script).toString('base64')}\n`);
  }
  function hear(line: string): void {
    const [word, of, which, status, output = ''] = line.split(' ');
    if (word === 'ready') {
      boot = of;
      if (asked?.taken) asked.reject(new Error('the guest started anew in the middle of a script'));
      send();
    } else if (asked === undefined || of !== boot || which !== String(asked.number)) return;
    else if (word === 'taken') asked.taken = true;
    else if (word === 'ended')
      asked.resolve({ status: Number(status), output: Buffer.from(output, 'base64').toString('utf8') });
  }
  void exit.then(() => {
    gone = true;
    asked?.reject(new Error('the machine ended in the middle of a script'));
    socket?.destroy();
  });
  void connected(place, () => gone).then((found) => {
    socket = found;
    if (gone) socket?.destroy();
    socket?.on('error', () => {}); // the machine's end says it
    if (socket) createInterface({ input: socket }).on('line', hear);
  });

  async function runOne(script: string, { timeoutSeconds = 300 }: RunLimits): Promise<Ran> {
    if (gone) throw new Error('the machine has ended');
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Ran>((resolve, reject) => {
        asked = { number: ++number, script, taken: false, resolve, reject };
        const late = () => reject(new Error(`the guest was not done in ${timeoutSeconds} s with: ${script}`));
        timer = setTimeout(late, timeoutSeconds * 1000);
        send();
      });
    } finally {
      clearTimeout(timer);
      asked = undefined;
    }
  }
  return {
    run(script, limits = {}) {
      const mine = turn.then(() => runOne(script, limits));
      turn = mine.catch(() => {});
      return mine;
    },
  };
}
