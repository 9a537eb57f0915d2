/** Which page the address names, and links that turn it without loading the document again. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';

export type Page =
  | { name: 'glance' }
  | { name: 'boxes' }
  | { name: 'box'; id: string }
  | { name: 'claims' }
  | { name: 'requests' }
  | { name: 'events' }
  | { name: 'alerts' }
  | { name: 'cases' }
  | { name: 'operators' }
  | { name: 'audit' }
  | { name: 'months' }
  | { name: 'month'; month: string }
  | { name: 'nowhere' };

export function pageOf(path: string): Page {
  const box = /^\/boxes\/([a-z0-9-]{1,100})$/.exec(path)?.[1];
  if (box !== undefined) return { name: 'box', id: box };
  const month = /^\/months\/(\d{4}-(?:0[1-9]|1[0-2]))$/.exec(path)?.[1];
  if (month !== undefined) return { name: 'month', month };
  if (path === '/months') return { name: 'months' };
  if (path === '/') return { name: 'glance' };
  if (path === '/boxes') return { name: 'boxes' };
  if (path === '/claims') return { name: 'claims' };
  if (path === '/requests') return { name: 'requests' };
  if (path === '/alerts') return { name: 'alerts' };
  if (path === '/cases') return { name: 'cases' };
  if (path === '/operators') return { name: 'operators' };
  if (path === '/audit') return { name: 'audit' };
  return path === '/events' ? { name: 'events' } : { name: 'nowhere' };
}

const turned = 'webizen-turned';

/** @param note kept with the entry of the history, and read again when somebody comes back to it */
export function turnTo(address: string, note: unknown = null): void {
  history.pushState(note, '', address);
  dispatchEvent(new Event(turned));
  scrollTo(0, 0);
}

/** The same page, said otherwise: no entry of its own in the history. */
export function restate(address: string, note: unknown = null): void {
  history.replaceState(note, '', address);
  dispatchEvent(new Event(turned));
}

const addressNow = () => ({ path: location.pathname, query: location.search.slice(1), note: history.state as unknown });

export function useAddress(): { path: string; query: string; note: unknown } {
  const [address, setAddress] = useState(addressNow);
  useEffect(() => {
    const read = () => setAddress(addressNow());
    addEventListener('popstate', read);
    addEventListener(turned, read);
    return () => {
      removeEventListener('popstate', read);
      removeEventListener(turned, read);
    };
  }, []);
  return address;
}

export function Link(props: {
  to: string;
  class?: string;
  current?: boolean;
  note?: unknown;
  children: ComponentChildren;
}) {
  return (
    <a
      href={props.to}
      class={props.class}
      aria-current={props.current ? 'page' : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        turnTo(props.to, props.note ?? null);
      }}
    >
      {props.children}
    </a>
  );
}
