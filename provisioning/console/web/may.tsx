/**
 * What one may do here, by the role that the provider has told: what one may not is not offered, and a sentence says who
 * can. The provider decides anew at each call; this only spares people a refusal.
 */
import { mayDo } from '#contract/may-do.js';
import type { Role } from '#contract/operators.js';
import type { Live } from './live.js';
import { Title } from './parts.js';
import { Link } from './route.js';
import { roleTexts as words } from './texts-roles.js';

export const may = ({ state: { me } }: Live, needs: Role): boolean => me !== undefined && mayDo(me.role, needs);

/** Nothing for who may. */
export function WhoCan(props: { live: Live; needs: Role; act: keyof typeof words.acts }) {
  const { live, needs, act } = props;
  const { me } = live.state;
  if (!me || mayDo(me.role, needs)) return null;
  return (
    <p class="muted who-can" data-needs={needs}>
      {words.needed(me.name, me.role, needs, words.acts[act])}
    </p>
  );
}

/** In the place of a page that only admins have. */
export function AdminsOnly(props: { live: Live; page: string }) {
  const { me } = props.live.state;
  return (
    <>
      <Title page={props.page}>{words.adminsOnly}</Title>
      {me && <p class="lead">{words.adminsWhat(me.name, me.role)}</p>}
      <p>
        <Link to="/">{words.back}</Link>
      </p>
    </>
  );
}
