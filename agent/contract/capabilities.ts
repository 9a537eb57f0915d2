/** The named powers of the standard API that an owner grants to an app. What is not granted is denied. */
import { type Static, Type } from 'typebox';

export const Capability = Type.Union([Type.Literal('storage'), Type.Literal('health.read')], { $id: 'Capability' });
export type Capability = Static<typeof Capability>;
