/** What each library costs in resident memory once imported, each in a fresh process. */
import { median } from './compare.js';
import { built, type Workshop } from './workshop.js';

const libraries: [name: string, specifier: string][] = [
  ['systeminformation', 'systeminformation'],
  ['common/pki (ASN.1 of node-forge)', built('common/pki/der.js')],
  ['level', 'level'],
  ['mqtt', 'mqtt'],
  ['fastify', 'fastify'],
  ['typebox', 'typebox'],
  ['typebox/value', 'typebox/value'],
  ['pino', 'pino'],
];

export interface LibraryCost {
  name: string;
  residentMiB: number;
  /** Above bare Node. */
  costMiB: number;
}

export async function libraryCosts(workshop: Workshop, rounds: number): Promise<LibraryCost[]> {
  async function resident(specifier: string | undefined): Promise<number> {
    const load = specifier === undefined ? '' : `await import(${JSON.stringify(specifier)});`;
    const told = 'setTimeout(() => console.log(process.memoryUsage.rss()), 300)';
    return Number(await workshop.output(['--input-type=module', '-e', `${load}${told}`])) / 2 ** 20;
  }
  const rows: [string, string | undefined][] = [['bare Node', undefined], ...libraries];
  const measured = rows.map(() => [] as number[]);
  for (let round = 0; round < rounds; round += 1)
    for (const [index, [, specifier]] of rows.entries()) measured[index]!.push(await resident(specifier));
  const bare = median(measured[0]!);
  const round = (value: number) => Number(value.toFixed(1));
  return rows.map(([name], index) => {
    const found = median(measured[index]!);
    return { name, residentMiB: round(found), costMiB: round(found - bare) };
  });
}
