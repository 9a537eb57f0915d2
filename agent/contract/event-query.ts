/** Which events: `GET /v1/events` as JSON, and the commands' `fleet events`. */
import { type Static, Type } from 'typebox';
import { BoxId } from './box-id.js';

export const mostEventsAtOnce = 1000;

export const FleetEventQuery = Type.Object({
  box: Type.Optional(BoxId),
  type: Type.Optional(Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$', description: 'such as offline or refused' })),
  before: Type.Optional(Type.String({ pattern: '^[0-9a-f-]{1,60}$', description: 'only those before this id' })),
  limit: Type.Integer({ minimum: 1, maximum: mostEventsAtOnce, default: 100, description: 'the newest, oldest first' }),
});
export type FleetEventQuery = Static<typeof FleetEventQuery>;
