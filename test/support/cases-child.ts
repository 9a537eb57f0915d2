/**
 * A case that is cut: `node cases-child.js FOLDER CUT`. Before the CUT-th commit of it, or just behind it where that is
 * negative, comes SIGKILL. It goes on where it stands; at the end it prints how many commits that took.
 */
import { writeSync } from 'node:fs';
import { openCasesDesk } from './cases-desk.js';
import { liveCase } from './cases-life.js';

const [folder = '', cut = '0'] = process.argv.slice(2);
const kill = (): void => void process.kill(process.pid, 'SIGKILL');
let commits = 0;
const desk = await openCasesDesk(folder, (store) => async (operations) => {
  commits += 1;
  if (commits === Number(cut)) kill();
  await store.commit(operations);
  if (commits === -Number(cut)) kill();
});
await liveCase(desk);
writeSync(1, String(commits));
await desk.close();
