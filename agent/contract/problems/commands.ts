/** Commands of a territory to its boxes. */
import type { ProblemTable } from './table.js';

export const commandsProblems = {
  // What a box answers
  'command-malformed': [
    400,
    'what came as a command is none',
    'compare it with the published schema; commands are signed by the provider alone',
  ],
  'command-foreign': [
    403,
    'the command is not signed by a key of the territory of this box, or is meant for another territory or box',
    'nothing needs doing: it was not followed; if it stays, the broker is to be looked at',
  ],
  'command-forged': [
    403,
    'the signature of a command does not verify',
    'nothing needs doing: it was not followed; if it stays, the broker is to be looked at',
  ],
  'command-replayed': [
    409,
    'a command of this sequence or a later one was taken before',
    'send a new command; one is never taken twice',
  ],
  'command-expired': [410, 'the command came after its time', 'send a new command'],
  'command-time-unknown': [
    409,
    'the box does not know the time, and so not whether the command has expired',
    'send the command again once the box has reached its provider over https',
  ],
  'command-unsupported': [501, 'this box cannot do what the command says', 'update the box, or do without'],
  'command-parameters': [
    422,
    'the parameters of the command are not those of its kind',
    'send them as the kind has them',
  ],
  'command-declined': [403, 'the owner of the box said no', 'ask the owner, outside of this program'],
  'command-held': [
    409,
    'an app must not be disturbed now, or the owner was not asked yet',
    'wait: it goes ahead as soon as it may, until it expires',
  ],
  'command-interrupted': [
    500,
    'the box stopped before it was certain that the command was carried out',
    'look at the box, and send a new command if it is still needed',
  ],
  'command-rate': [429, 'more commands came than a box takes in an hour', 'send fewer commands'],
  'command-failed': [500, 'the command could not be carried out', 'see the detail, and try again'],
  'host-cannot-reboot': [
    501,
    'the agent may not restart this machine',
    'run the agent on an image of Webizen, or restart the machine by hand',
  ],
  'command-answered': [409, 'the command is not waiting any more', 'look at the list again'],

  // What a provider answers
  'command-unknown': [404, 'there is no such command', 'list the commands of the box'],
  'commands-full': [
    409,
    'as many commands wait for this box as are kept for one',
    'wait until some are answered or expire',
  ],
  'fleet-count-differs': [
    409,
    'not as many boxes match as were meant',
    'look at the fleet again, and say how many boxes are meant, a thousand at most',
  ],
  'diagnostics-unknown': [404, 'there are no diagnostics for this command', 'ask the box for new ones'],
  'diagnostics-unwanted': [
    409,
    'nobody has asked this box for these diagnostics',
    'send diagnostics only for a command that waits for them',
  ],
  'diagnostics-too-large': [413, 'the diagnostics are larger than the provider takes', 'leave out the largest part'],
} as const satisfies ProblemTable;
