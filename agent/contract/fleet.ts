/** The fleet as an operator looks at it: which boxes need care, the table of all of them, and the glance at the whole. */
import { type Static, Type } from 'typebox';
import { Severity } from './conditions.js';
import { Time } from './health.js';
import { BoxState, BoxSummary, CareLevel } from './operator.js';

/** How many boxes a page has at most. */
const mostInFleetPage = 500;
/** Of what one field is asked for at most: any of them will do. */
const mostAlternatives = 50;

const anyOf = <T extends Parameters<typeof Type.Array>[0]>(schema: T, description: string) =>
  Type.Optional(Type.Array(schema, { minItems: 1, maxItems: mostAlternatives, description }));

export const FleetSort = Type.Union(
  [Type.Literal('attention'), Type.Literal('lastSeen'), Type.Literal('id'), Type.Literal('agent')],
  {
    description:
      'attention: the worst first; lastSeen: the longest unheard first, never heard before all; id: a to z; agent: the oldest version first, unknown before all. Equal ones by id',
  },
);
export type FleetSort = Static<typeof FleetSort>;

/** What a box must be: all of what is said. Of each list any will do. */
export const FleetFilter = Type.Object(
  {
    state: anyOf(BoxState, 'states; missing: every one, also of boxes that are gone'),
    care: anyOf(CareLevel, 'levels of care; trouble and attention are those that need it'),
    condition: anyOf(Type.String({ minLength: 1, maxLength: 40 }), 'kinds of conditions that it has'),
    severity: anyOf(Severity, 'of its conditions; together with `condition` one condition must be both'),
    agent: anyOf(Type.String({ maxLength: 64 }), 'versions of the agent, as written; empty: unknown'),
    model: anyOf(Type.String({ maxLength: 200 }), 'models of the hardware, as written; empty: unknown'),
    place: anyOf(Type.String({ maxLength: 100 }), 'places, as written; empty: none is set'),
    search: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description:
          'words, each of which is part of its id, label, place or the serial number of its device; case does not count',
      }),
    ),
  },
  { additionalProperties: false },
);
export type FleetFilter = Static<typeof FleetFilter>;

/** `GET /v1/fleet`. In a query string a list is its name repeated: `state=online&state=offline`. */
export const FleetQuery = Type.Object(
  {
    ...FleetFilter.properties,
    sort: Type.Optional(FleetSort),
    reverse: Type.Optional(Type.Boolean({ description: 'the other way round' })),
    cursor: Type.Optional(
      Type.String({ maxLength: 1000, description: '`next` of the page before, of the same filter and sort' }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: mostInFleetPage, description: 'boxes a page; 50 unless said' }),
    ),
  },
  { $id: 'FleetQuery', additionalProperties: false },
);
export type FleetQuery = Static<typeof FleetQuery>;

export const FleetPage = Type.Object(
  {
    at: Time,
    boxes: Type.Array(BoxSummary),
    total: Type.Integer({ minimum: 0, description: 'boxes that match, on all pages' }),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'the cursor of the next page. A box that does not change is on exactly one page, whatever others do',
    }),
  },
  { $id: 'FleetPage' },
);
export type FleetPage = Static<typeof FleetPage>;

const Count = Type.Integer({ minimum: 0 });

/** How many boxes have each value, the most frequent first, at most 20; the rest together. */
export const Tally = Type.Object({
  values: Type.Array(Type.Object({ value: Type.String({ description: 'empty: not known' }), boxes: Count }), {
    maxItems: 20,
  }),
  others: Type.Object({
    values: Type.Integer({ minimum: 0, description: 'values that are not listed' }),
    boxes: Type.Integer({ minimum: 0, description: 'boxes that have one of these' }),
  }),
});
export type Tally = Static<typeof Tally>;

export const FleetCounts = Type.Object({
  states: Type.Object({ enrolled: Count, online: Count, offline: Count, revoked: Count, left: Count }),
  care: Type.Object(
    { trouble: Count, attention: Count, good: Count, none: Count },
    { description: 'none: nothing is expected of it yet, or any more' },
  ),
  gaps: Type.Integer({ minimum: 0, description: 'samples that were taken and are not stored here, of all boxes' }),
});
export type FleetCounts = Static<typeof FleetCounts>;

/** `GET /v1/fleet/glance`. Conditions, agents, models and places are of the boxes in service: enrolled, online, offline. */
export const FleetGlance = Type.Object(
  {
    at: Time,
    ...FleetCounts.properties,
    conditions: Type.Array(
      Type.Object({
        kind: Type.String(),
        severity: Severity,
        boxes: Type.Integer({ minimum: 1, description: 'that have it, once each' }),
        fresh: Type.Integer({ minimum: 0, description: 'of these: where it began within the last day' }),
      }),
      { maxItems: 100, description: 'by kind and severity; the worst first, then the most frequent' },
    ),
    agents: Tally,
    models: Tally,
    places: Tally,
    changes: Type.Object(
      {
        since: Type.Integer({
          minimum: 0,
          description: 'a day ago; later where what happened before is not known any more',
        }),
        types: Type.Array(Type.Object({ type: Type.String(), count: Type.Integer({ minimum: 1 }) }), {
          maxItems: 100,
          description: 'events of each type since then, the most frequent first',
        }),
      },
      { description: 'what happened within the last day' },
    ),
  },
  { $id: 'FleetGlance' },
);
export type FleetGlance = Static<typeof FleetGlance>;

/** What the operator says of a box. Null takes back what was said; what is missing stays. */
export const BoxAbout = Type.Object(
  {
    label: Type.Optional(
      Type.Union([Type.String({ maxLength: 200 }), Type.Null()], {
        description: 'whose box it is; that of its claim code unless said',
      }),
    ),
    place: Type.Optional(
      Type.Union([Type.String({ maxLength: 100 }), Type.Null()], {
        description: 'where it stands; boxes are counted by it',
      }),
    ),
  },
  { $id: 'BoxAbout', additionalProperties: false },
);
export type BoxAbout = Static<typeof BoxAbout>;

export const FilterName = Type.String({ minLength: 1, maxLength: 60, pattern: '^\\S(.*\\S)?$' });
/** Shared by all operators of a territory. */
export const SavedFilter = Type.Object(
  {
    name: FilterName,
    query: Type.String({ maxLength: 4000, description: 'as in the address of the table, without cursor and limit' }),
  },
  { $id: 'SavedFilter', additionalProperties: false },
);
export type SavedFilter = Static<typeof SavedFilter>;
/** How many a territory keeps. */
export const mostSavedFilters = 100;
