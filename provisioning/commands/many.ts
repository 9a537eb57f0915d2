/** One command for each of many boxes: as many as the caller saw match, or none. */
import type { FleetCommandResult, NewFleetCommand } from '#contract/operator-commands.js';
import { Refusal } from '#contract/problems.js';
import type { CommandDesk } from './desk.js';

/**
 * @param ids of the boxes that match now
 * @throws Refusal `fleet-count-differs`
 */
export async function sendToMany(
  send: CommandDesk['send'],
  ids: readonly string[],
  { command, boxes }: Omit<NewFleetCommand, 'filter'>,
  by: string,
): Promise<FleetCommandResult> {
  if (ids.length !== boxes) throw new Refusal('fleet-count-differs', `${ids.length} match, ${boxes} were meant`);
  const refused: FleetCommandResult['refused'] = [];
  for (const box of ids)
    await send(box, { ...command, by }).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      refused.push({ box, code: error.code });
    });
  return { asked: ids.length - refused.length, refused };
}
