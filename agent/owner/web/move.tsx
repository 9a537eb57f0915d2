import { useEffect, useState } from 'preact/hooks';
import { Choose } from './choose.js';
import type { HomeProps } from './home.js';
import { Place } from './place.js';
import { Progress } from './progress.js';
import { turnTo } from './route.js';

/** The same pages as at the setup; the box stays where it is until the new provider has taken it. */
export function Move({ live, view }: HomeProps) {
  const [isPlaceAsked, askPlace] = useState(false);
  const { current, next } = view.membership;
  const [left] = useState(current.territory?.id);
  // It has moved while this page was open: what is asked now is how the box is.
  useEffect(() => {
    if (left !== undefined && current.territory?.id !== left) turnTo('/');
  }, [current.territory?.id]);
  if (next) return <Progress live={live} view={view} act="transfer" />;
  const own = view.settings.ownJurisdiction;
  if (isPlaceAsked || own === null) return <Place live={live} own={own} done={() => askPlace(false)} />;
  const isMember = current.phase === 'enrolled';
  return (
    <Choose
      live={live}
      view={view}
      act={isMember ? 'transfer' : 'election'}
      askPlace={() => askPlace(true)}
      begun={() => isMember || turnTo('/')}
    />
  );
}
