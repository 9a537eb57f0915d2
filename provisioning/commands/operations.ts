/** What an operator's command line asks of this room. */
import { writeFile } from 'node:fs/promises';
import { Type } from 'typebox';
import type { Handlers } from '#common/control.js';
import { CommandId } from '#contract/commands.js';
import type { FleetQuery } from '#contract/fleet.js';
import { NewCommand, NewFleetCommand } from '#contract/operator-commands.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { CommandDesk } from './desk.js';
import type { Diagnostics } from './diagnostics.js';
import type { CommandKeyRing } from './keys.js';

export interface CommandRooms {
  desk: CommandDesk;
  keys: CommandKeyRing;
  diagnostics: Diagnostics;
}

const OneBox = Type.Object({ box: Type.String() });
const Asked = Type.Object({
  ...OneBox.properties,
  ...NewCommand.properties,
  by: Type.String({ minLength: 1, maxLength: 100 }),
});
const AskedOfMany = Type.Object(
  { ...NewFleetCommand.properties, by: Asked.properties.by },
  { additionalProperties: false },
);
const Bundle = Type.Object({ ...OneBox.properties, command: CommandId, file: Type.String({ pattern: '^/' }) });
const Roll = Type.Object({ compromised: Type.Boolean() });

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('arguments-invalid', describeFaults(parsed.faults));
}

export const createCommandOperations = ({
  desk,
  keys,
  diagnostics,
  ids,
}: CommandRooms & { ids: (filter: FleetQuery) => Promise<string[]> }): Handlers => ({
  async 'command.send'(parameters) {
    const { box, ...wish } = wanted(check(Asked, parameters));
    return desk.send(box, wish);
  },
  async 'command.send-to-many'(parameters) {
    const { by, filter, ...wish } = wanted(check(AskedOfMany, parameters));
    return desk.sendToMany(await ids(filter), wish, by);
  },
  async 'command.list'(parameters) {
    return desk.list(wanted(check(OneBox, parameters)).box);
  },
  // A bundle is larger than a message: whoever reaches the socket may write what we may.
  async 'command.diagnostics'(parameters) {
    const { box, command, file } = wanted(check(Bundle, parameters));
    const bytes = await diagnostics.read(box, command);
    await writeFile(file, bytes, { mode: 0o600 }).catch((error: unknown) => {
      throw new Refusal('arguments-invalid', `cannot write ${file}`, { cause: error });
    });
    return bytes.length;
  },
  async 'command.keys'() {
    return keys.listed();
  },
  async 'command.roll'(parameters) {
    await keys.roll(wanted(check(Roll, parameters)));
    return keys.listed();
  },
});
