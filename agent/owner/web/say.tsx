/** A maker's words and picture, set apart from ours: they can not turn the line that they stand in. */
import type { Words } from '#contract/manifest.js';
import { line, pick, plain } from './words-of.js';

export function Say({ words, long }: { words: Words; long?: boolean }) {
  const { text, lang } = pick(words);
  return (
    <bdi lang={lang} dir="auto" class={long ? 'long' : undefined}>
      {long ? plain(text) : line(text)}
    </bdi>
  );
}

export const Name = ({ children }: { children: string }) => <bdi dir="auto">{line(children)}</bdi>;

/** A picture that stands in the signed manifest and nowhere else; without one, the first letter of the name. */
export function Icon({ name, icon }: { name: string; icon: string | undefined }) {
  if (icon?.startsWith('data:image/png;base64,'))
    return <img class="app-icon" src={icon} alt="" width="48" height="48" />;
  return (
    <span class="app-icon" aria-hidden="true">
      {[...line(name)][0]?.toUpperCase() ?? '?'}
    </span>
  );
}
