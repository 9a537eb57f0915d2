/** Which role may what: apart from the schemas, so that the pages can carry it. */
import type { Role } from './operators.js';

const rank: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

/** Each role may what those before it may. */
export const mayDo = (has: Role, needs: Role): boolean => rank[has] >= rank[needs];
