/** The one page of a box whose own records cannot be opened: no script, no session, drawn here whole. Pure. */
import type { SafeView } from '#contract/safe.js';
import { bareTexts as words } from './bare-texts.js';
import type { Look } from './page-server.js';

export const acts = ['again', 'mend', 'back', 'reset'] as const;
export type BareAct = (typeof acts)[number];

export interface BareView {
  name: string;
  safe: SafeView;
  /** Why the records cannot be opened: code and sentence. */
  fault: { code: string; said: string };
  /** What can be done here; `again` always. */
  offers: readonly BareAct[];
  /** The version of the system that the box can go back to. */
  before: string | undefined;
  /** What was wrong with what was just asked for. */
  refused?: { act: BareAct; code: string; title: string; remedy: string };
}

export const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
export const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

export const head = (title: string, { css, icon }: Look): string => `<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escaped(title)}</title>
<link rel="icon" href="${icon || 'data:,'}"><style>${css}</style></head><body>`;

export const top = (name: string, { icon }: Look): string =>
  `<header><div class="inner"><span class="brand">${icon && `<img src="${icon}" alt="" width="28" height="28">`}<span>${escaped(name)}</span></span></div></header>`;

const codeField = (act: BareAct): string =>
  `<div class="field"><label for="code-${act}">${words.code}</label>
<p class="hint" id="hint-${act}">${words.codeHint}</p>
<input id="code-${act}" name="code" required maxlength="40" autocomplete="off" autocapitalize="characters" spellcheck="false" aria-describedby="hint-${act}"></div>`;

const wordField = `<div class="field"><label for="word">${words.word}</label>
<input id="word" name="word" required maxlength="20" autocomplete="off" autocapitalize="off" spellcheck="false"></div>`;

function section(act: BareAct, { before, refused }: BareView): string {
  const { title, lead, submit } = words.acts[act];
  const said =
    refused?.act === act
      ? `<p class="fault" role="alert">${escaped(`${sentence(refused.title)} ${sentence(refused.remedy)}`)} <code>${refused.code}</code></p>`
      : '';
  const fields = `${act === 'again' ? '' : codeField(act)}${act === 'reset' ? wordField : ''}`;
  return `<section class="panel" aria-labelledby="${act}"><h2 id="${act}">${escaped(title(before ?? ''))}</h2>
<p>${escaped(lead)}</p><form class="page" method="post" action="/act/${act}">${said}${fields}
<p><button type="submit" class="${act === 'again' ? 'main' : act === 'reset' ? 'main dangerous' : ''}">${escaped(submit)}</button></p></form></section>`;
}

export function barePage(view: BareView, look: Look): string {
  const { name, safe, fault, offers } = view;
  const shown = ['again' as const, ...acts.filter((act) => act !== 'again' && offers.includes(act))];
  return `${head(words.title, look)}${top(name, look)}<main id="content"><div class="page wide"><h1>${words.title}</h1>
<p>${words.lead}</p><p>${escaped(words.reason(safe))} ${words.data}</p>
${shown.map((act) => section(act, view)).join('\n')}
<details><summary>${words.details}</summary><div><code>${escaped(`${fault.code}: ${fault.said}`)}</code></div></details>
</div></main></body></html>`;
}

export const bareDone = (name: string, act: BareAct, look: Look): string =>
  `${head(words.doneTitle, look)}${top(name, look)}<main id="content">
<div class="page"><h1>${words.doneTitle}</h1><p role="status">${escaped(words.acts[act].done)} ${words.wait}</p>
<p><a href="/" class="button main">${words.look}</a></p></div></main></body></html>`;
