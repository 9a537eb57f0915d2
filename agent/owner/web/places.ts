/** Countries by their ISO 3166-1 codes; the browser knows their names. */
const codes =
  'ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW';

const names = new Intl.DisplayNames(['en'], { type: 'region' });

export interface Country {
  code: string;
  name: string;
}

export const countries: readonly Country[] = (codes.match(/../g) ?? [])
  .map((code) => ({ code, name: names.of(code) ?? code }))
  .sort((a, b) => a.name.localeCompare(b.name));

/** `New South Wales` is not known here: a part of a country is told by its code, `Australia, NSW`. */
export function placeName(jurisdiction: string): string {
  const [country = '', part] = jurisdiction.split('-');
  const name = names.of(country) ?? country;
  return part === undefined ? name : `${name}, ${part}`;
}

const plain = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** Those whose name or a word of it begins so, or whose code it is. */
export function findCountries(text: string): Country[] {
  const wanted = plain(text.trim());
  if (wanted === '') return [];
  const found = countries.filter(
    ({ code, name }) =>
      code.toLowerCase() === wanted || plain(name).startsWith(wanted) || plain(name).includes(` ${wanted}`),
  );
  const rank = ({ code, name }: Country) => (code.toLowerCase() === wanted || plain(name).startsWith(wanted) ? 0 : 1);
  return found.sort((a, b) => rank(a) - rank(b));
}

/** Whether the law of that place is the owner's own: the same place, the country around it, or a part of the country that was named. */
export const isOwn = (own: string, territory: string): boolean =>
  own === territory || own.startsWith(`${territory}-`) || territory.startsWith(`${own}-`);
