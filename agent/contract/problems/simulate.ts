/** What stands in the way of a simulation. */
import type { ProblemTable } from './table.js';

export const simulateProblems = {
  'simulation-damaged': [
    500,
    'the folder of the simulation cannot be read',
    'give another folder with --state: its boxes enrol anew',
  ],
  'simulation-expired': [
    409,
    'the certificate of a simulated box has run out',
    'give another folder with --state: simulated boxes do not renew',
  ],
  'simulation-claims': [400, 'there are fewer claim codes than boxes that have to enrol', 'give more, or --dir'],
  'simulation-wrong': [
    500,
    'not all that the simulated boxes have sent is stored once',
    "keep the provider's data and report it with the lines above",
  ],
} as const satisfies ProblemTable;
