/** The one page of a box whose own records cannot be opened: no script, no session, drawn here whole. Pure. */
import type { SafeView } from '#contract/safe.js';
import { bareTexts as words } from './bare-texts.js';

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

const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const head = (title: string, more = ''): string => `<!doctype html>
<html lang="en-GB"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">${more}<title>${escaped(title)}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/main.css"></head><body>`;

const top = (name: string): string =>
  `<header><div class="inner"><span class="brand"><img src="/icon.svg" alt="" width="28" height="28"><span>${escaped(name)}</span></span></div></header>`;

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
      ? `<p class="fault" role="alert">${escaped(refused.title)}. ${escaped(refused.remedy)}. <code>${refused.code}</code></p>`
      : '';
  const fields = `${act === 'again' ? '' : codeField(act)}${act === 'reset' ? wordField : ''}`;
  return `<section class="panel" aria-labelledby="${act}"><h2 id="${act}">${escaped(title(before ?? ''))}</h2>
<p>${escaped(lead)}</p><form class="page" method="post" action="/act/${act}">${said}${fields}
<p><button type="submit" class="${act === 'again' ? 'main' : act === 'reset' ? 'dangerous' : ''}">${escaped(submit)}</button></p></form></section>`;
}

export function barePage(view: BareView): string {
  const { name, safe, fault, offers } = view;
  const shown = ['again' as const, ...acts.filter((act) => act !== 'again' && offers.includes(act))];
  return `${head(words.title)}${top(name)}<main id="content"><div class="page wide"><h1>${words.title}</h1>
<p>${words.lead}</p><p>${escaped(words.reason(safe))} ${words.data}</p>
${shown.map((act) => section(act, view)).join('\n')}
<details><summary>${words.details}</summary><div><code>${escaped(`${fault.code}: ${fault.said}`)}</code></div></details>
</div></main></body></html>`;
}

/** Looks for the box by itself until it answers as usual. */
export const bareDone = (name: string, act: BareAct): string =>
  `${head(words.doneTitle, '<meta http-equiv="refresh" content="20;url=/">')}${top(name)}<main id="content">
<div class="page"><h1>${words.doneTitle}</h1><p role="status">${escaped(words.acts[act].done)} ${words.wait}</p></div></main></body></html>`;
