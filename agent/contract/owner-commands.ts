/** The owner's console about the provider: what it is told, what it asks, and what the owner lets it do. */
import { type Static, Type } from 'typebox';
import { Command, CommandId, CommandResult } from './commands.js';
import { BoxEvent } from './events.js';
import { Sample, Time } from './health.js';
import { Birth, Reported, Reporting } from './status.js';

const closed = { additionalProperties: false } as const;
const NullOr = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

/** What an owner has a say in. The rest goes ahead: it alters nothing, or keeps within stated bounds. */
export const ruledKinds = ['live', 'diagnostics', 'rotate-key', 'restart-agent', 'reboot'] as const;
export type RuledKind = (typeof ruledKinds)[number];

/** `ask`: it waits for the owner's yes each time. */
export const CommandRule = Type.Union([Type.Literal('allow'), Type.Literal('ask')]);
export type CommandRule = Static<typeof CommandRule>;

export const CommandRules = Type.Object(
  {
    live: CommandRule,
    diagnostics: CommandRule,
    'rotate-key': CommandRule,
    'restart-agent': CommandRule,
    reboot: CommandRule,
  } satisfies Record<RuledKind, typeof CommandRule>,
  closed,
);
export type CommandRules = Static<typeof CommandRules>;

/** Unless the owner says otherwise: what interrupts, and what takes something away from the box, asks. */
export const usualRules: CommandRules = {
  live: 'allow',
  diagnostics: 'ask',
  'rotate-key': 'allow',
  'restart-agent': 'allow',
  reboot: 'ask',
};

export const ProviderSettings = Type.Object({ rules: CommandRules, reporting: Reporting }, closed);
export type ProviderSettings = Static<typeof ProviderSettings>;

export const AskedCommand = Type.Object({
  command: Type.Pick(Command, ['id', 'kind', 'parameters', 'issuedAt', 'expiresAt', 'by', 'territory']),
  at: Time,
  /** `owner`: for a yes; `apps`: for what they hold, and a yes ends that too. */
  waits: NullOr(Type.Union([Type.Literal('owner'), Type.Literal('apps')])),
  answer: NullOr(CommandResult),
});
export type AskedCommand = Static<typeof AskedCommand>;

/** `told`: the provider has stored it; else it waits. */
export const ToldEvent = Type.Object({ event: Type.Object(BoxEvent.properties), told: Type.Boolean() });
export type ToldEvent = Static<typeof ToldEvent>;

/** What goes out is here as it goes out. */
export const ProviderView = Type.Object(
  {
    ...ProviderSettings.properties,
    birth: Birth,
    reported: Reported,
    /** The newest that was or will be sent; null where none is. */
    sample: NullOr(Sample),
    /** The newest that were or will be sent, newest first, at most twenty. */
    events: Type.Array(ToldEvent),
    /** Seconds between two of them, and between two times that they are sent. */
    intervals: Type.Object({ sampleSeconds: Type.Integer(), batchSeconds: Type.Integer(), byProvider: Type.Boolean() }),
    /** Newest first, at most fifty. */
    asked: Type.Array(AskedCommand),
    /** Until when the provider looks on live; null where it does not. */
    liveUntil: NullOr(Time),
  },
  { $id: 'ProviderView' },
);
export type ProviderView = Static<typeof ProviderView>;

/** Of every page: whether something waits for the owner. `version`: another one whenever `ProviderView` may be new. */
export const ProviderGlance = Type.Object({ version: Type.Integer(), waiting: Type.Integer() });
export type ProviderGlance = Static<typeof ProviderGlance>;

export const NewReporting = Type.Object({ reporting: Reporting }, closed);
export const NewRule = Type.Object({ rule: CommandRule }, closed);
export const OfCommand = Type.Object({ command: CommandId }, closed);
export const OfKind = Type.Object({ kind: Type.Enum([...ruledKinds]) }, closed);
