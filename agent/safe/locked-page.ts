/** The one page of a box whose data do not open. Pure. */
import type { LockedBecause } from '#contract/volume.js';
import { escaped, head, sentence, top } from './bare-page.js';
import { lockedTexts as words } from './locked-texts.js';
import type { Look } from './page-server.js';

export interface LockedView {
  name: string;
  /** Undefined where the system does not say. */
  because: LockedBecause | undefined;
  /** What was wrong with what was just typed. */
  refused?: { typed: string; code: string; title: string; remedy: string };
}

function form({ refused, because }: LockedView): string {
  const said = refused
    ? `<p class="fault" role="alert">${escaped(`${sentence(refused.title)} ${sentence(refused.remedy)}`)} <code>${refused.code}</code></p>`
    : '';
  return `<section class="panel" aria-labelledby="key"><h2 id="key">${words.open}</h2><p>${words.openLead[because === 'no-tpm' ? 'noChip' : 'chip']}</p>
<form class="page" method="post" action="/storage-key">${said}<div class="field"><label for="storage-key">${words.key}</label>
<p class="hint" id="hint">${words.keyHint}</p>
<input id="storage-key" name="key" value="${escaped(refused?.typed ?? '')}" required maxlength="200" autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby="hint"></div>
<p><button type="submit" class="main">${words.submit}</button></p></form></section>
<section class="panel" aria-labelledby="file"><h2 id="file">${words.byFile}</h2><p>${words.byFileLead}</p></section>`;
}

export function lockedPage(view: LockedView, look: Look): string {
  const { name, because } = view;
  return `${head(words.title, look)}${top(name, look)}<main id="content"><div class="page wide"><h1>${words.title}</h1>
<p>${escaped(words.because[because ?? 'unsaid'])} ${words.nothingLost}</p>
${because === 'unknown' || because === undefined ? `<p>${words.noKey}</p>` : form(view)}
</div></main></body></html>`;
}

export const lockedDone = (name: string, look: Look): string =>
  `${head(words.doneTitle, look)}${top(name, look)}<main id="content">
<div class="page"><h1>${words.doneTitle}</h1><p role="status">${words.done}</p>
<p><a href="/" class="button main">${words.look}</a></p></div></main></body></html>`;
