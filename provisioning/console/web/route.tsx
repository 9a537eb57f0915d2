/** Which page the address names, and links that turn it without loading the document again. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

export type Page =
  | { name: 'boxes' }
  | { name: 'box'; id: string }
  | { name: 'claims' }
  | { name: 'requests' }
  | { name: 'events' }
  | { name: 'nowhere' };

export function pageOf(path: string): Page {
  const box = /^\/boxes\/([a-z0-9-]{1,100})$/.exec(path)?.[1];
  if (box !== undefined) return { name: 'box', id: box };
  if (path === '/') return { name: 'boxes' };
  if (path === '/claims') return { name: 'claims' };
  if (path === '/requests') return { name: 'requests' };
  return path === '/events' ? { name: 'events' } : { name: 'nowhere' };
}

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
