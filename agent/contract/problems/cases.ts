/** Cases: what has to go before a decision about a member. */
import type { ProblemTable } from './table.js';

export const casesProblems = {
  'case-unknown': [404, 'this territory has no such case', 'list the cases to see their ids'],
  'case-needed': [
    409,
    'the territory has a panel, and suspends or expels nobody without a case',
    'open one with case open, give notice and hear the member, and name it in the resolution (--case)',
  ],
  'case-other': [409, 'the case is about another member', 'name the case of the member that this is about'],
  'case-step': [
    409,
    'this cannot follow what the case has come to',
    'look at the case with case show: it says what is due, and by whom',
  ],
  'case-early': [
    409,
    'the member can still answer, or has not been heard',
    'wait until the time to answer is over, record the hearing, and have the decision drawn up after that',
  ],
  'case-late': [
    409,
    'the time in which this could be asked for is over',
    'ask the office of the territory, or a court, what is open still',
  ],
  'case-time': [
    400,
    'this is not a time that a member has to be given',
    'give 7 to 90 days to answer, and not less than was given before; 14 to 90 to ask for review',
  ],
  'case-full': [409, 'the case has as many steps of this kind as it can hold', 'put what is to be added into one text'],
  'case-document': [
    400,
    'this cannot be a document of a case',
    'give a text of 1 to 30,000 characters in UTF-8, and name other evidence in it by its SHA-256',
  ],
  'case-statement': [
    400,
    "this is not the member's statement in this case",
    'sign it with the current key, for this case: webizen case answer',
  ],
  'register-undue': [
    409,
    'the register holds a decision without what has to go before it',
    'keep what was shown; ask the provider, and show it to the alliance',
  ],
} as const satisfies ProblemTable;
