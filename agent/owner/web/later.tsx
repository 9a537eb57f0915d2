/** A page that is loaded when it is first looked at. */
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Mark, Skeleton } from './parts.js';
import { texts } from './texts.js';

/** What was loaded is there at once ever after; what could not be, because the box was updated meanwhile, is asked for anew. */
export function later<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let Loaded: ComponentType<Props> | undefined;
  return function Later(props: Props) {
    const [state, setState] = useState<'loading' | 'loaded' | 'failed'>('loading');
    useEffect(() => {
      if (Loaded) return;
      let isGone = false;
      load().then(
        (page) => {
          Loaded = page;
          if (!isGone) setState('loaded');
        },
        () => !isGone && setState('failed'),
      );
      return () => {
        isGone = true;
      };
    }, []);
    if (Loaded) return <Loaded {...props} />;
    return state === 'failed' ? <NotLoaded /> : <Skeleton />;
  };
}

function NotLoaded() {
  return (
    <div class="notice trouble" role="alert">
      <Mark tone="trouble">
        <strong>{texts.notLoaded.title}</strong>
      </Mark>
      <p>
        <button type="button" onClick={() => location.reload()}>
          {texts.notLoaded.again}
        </button>
      </p>
    </div>
  );
}
