/** Which page the address names, and links that turn it without loading the document again. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const turned = 'webizen-turned';

export function turnTo(path: string): void {
  history.pushState(null, '', path);
  dispatchEvent(new Event(turned));
  scrollTo(0, 0);
}

export function usePath(): string {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const read = () => setPath(location.pathname);
    addEventListener('popstate', read);
    addEventListener(turned, read);
    return () => {
      removeEventListener('popstate', read);
      removeEventListener(turned, read);
    };
  }, []);
  return path;
}

export function Link(props: { to: string; class?: string; current?: boolean; children: ComponentChildren }) {
  return (
    <a
      href={props.to}
      class={props.class}
      aria-current={props.current ? 'page' : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        turnTo(props.to);
      }}
    >
      {props.children}
    </a>
  );
}
