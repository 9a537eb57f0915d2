/** Which slot the boot loader starts: what image/boot/choose.cfg does with grubenv and good.env, read as GRUB reads them. */
export type Letter = 'A' | 'B';

const head = '# GRUB Environment Block\n';
const tries = 3;

/** GRUB's load_env. Undefined: it is no environment block, and GRUB goes on without its variables. */
export function readBlock(text: string): Map<string, string> | undefined {
  if (!text.startsWith(head)) return undefined;
  const found = new Map<string, string>();
  for (const line of text.slice(head.length).split('\n')) {
    const at = line.indexOf('=');
    if (!line.startsWith('#') && at > 0) found.set(line.slice(0, at), line.slice(at + 1));
  }
  return found;
}

/** @param good whether it comes from good.env: no slot could be chosen by grubenv */
export function chooseSlot(grubenv: string, goodEnv: string): { slot: Letter; good: boolean } {
  const variables = readBlock(grubenv) ?? new Map<string, string>();
  const order = (variables.get('ORDER') ?? 'A B').split(' ');
  for (const slot of order)
    if (slot === 'A' || slot === 'B')
      if (variables.get(`${slot}_OK`) === '1' && Number(`0${variables.get(`${slot}_TRY`) ?? ''}`) < tries)
        return { slot, good: false };
  return { slot: readBlock(goodEnv)?.get('GOOD') === 'B' ? 'B' : 'A', good: true };
}
