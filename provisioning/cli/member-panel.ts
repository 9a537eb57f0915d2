/** `member panel` and `member resolve`: who decides about members, and what they have signed. */

import { Type } from 'typebox';
import { table } from '#common/columns.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { Panel, PanelName, ResolutionAct } from '#contract/resolution.js';
import { fileText, flag, noMore, readArguments, required, text } from './arguments.js';
import { asking } from './ask.js';
import type { Command } from './command.js';

const Panels = Type.Partial(Type.Object({ standing: Panel, review: Panel }));

export const panel: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { dir: text, set: text, json: flag });
  const ask = asking(values.dir);
  const [file, ...rest] = positionals;
  noMore(rest);
  if (values.set !== undefined) {
    const of = check(PanelName, values.set);
    if (!of.ok) throw new Refusal('arguments-invalid', '--set is standing or review');
    await ask('member.set-panel', {
      of: of.value,
      document: (await fileText(required(file, 'the file of the panel'))).trim(),
    });
  } else noMore(positionals);
  const panels = check(Panels, await ask('member.panels', {}));
  if (!panels.ok) throw new Error('cannot read the answer');
  if (values.json) return out(JSON.stringify(panels.value));
  const rows = Object.entries(panels.value).flatMap(([name, { quorum, officers }]) =>
    officers.map((officer) => [name, `${quorum} of ${officers.length}`, officer.name]),
  );
  if (rows.length === 0) return out('there is no panel: the operators decide about members');
  for (const line of table([['PANEL', 'SIGN', 'OFFICER'], ...rows])) out(line);
};

export const resolve: Command = async (args, { out }) => {
  const options = { dir: text, signature: { type: 'string', multiple: true } } as const;
  const { values, positionals } = readArguments(args, options);
  const [file, ...rest] = positionals;
  noMore(rest);
  const resolution = (await fileText(required(file, 'the file of the resolution'))).trim();
  const signatures = await Promise.all((values.signature ?? []).map(async (name) => (await fileText(name)).trim()));
  const done = check(ResolutionAct, await asking(values.dir)('member.resolve', { resolution, signatures }));
  if (!done.ok) throw new Error('cannot read the answer');
  out(`carried out: ${done.value}`);
};
