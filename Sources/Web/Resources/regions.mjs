// Writes Regions/regions-<locale>.json: the phone page's list of countries and regions, [code, name, calling code], in
// the order in which people of that language look for them.
//
//   node regions.mjs                      Node 20 or newer, with full ICU
//
// Names and order: Unicode CLDR, as it comes with Node's ICU (written with CLDR 48, ICU 78.2; another version may
// change a name or two). Regions and calling codes: Regions/calling-codes.json, from libphonenumber's metadata, made in
// this directory after `pip install phonenumbers==8.12.57` with
//
//   python3 -c 'import json, phonenumbers as p; print(json.dumps({r: p.country_code_for_region(r)
//     for r in sorted(p.SUPPORTED_REGIONS)}, indent=0, separators=(",", ":")))' > Regions/calling-codes.json
import { readFileSync, writeFileSync } from 'node:fs';

const directory = new URL('Regions/', import.meta.url);
const callingCodes = JSON.parse(readFileSync(new URL('calling-codes.json', directory), 'utf8'));

// CLDR's short names are the everyday ones ("Hong Kong"). Here the short name is an abbreviation, or leaves too much
// out, or people look under the other one.
const fullName = {
  en: ['BA', 'GB', 'US'],
  ja: ['GB'],
  es: ['GB', 'US'],
  fr: ['GB', 'US'],
  de: ['GB'],
  pt: ['US'],
};

// A second name in brackets that nobody needs in order to find the first: "Myanmar (Burma)", "Cocos (Keeling) Islands".
const withoutBrackets = { ja: ['CC', 'CD', 'CG', 'MM'], default: ['CC', 'MM'] };

// The formal name where everybody says, and looks for, another.
const everydayName = { fr: { VA: 'Vatican' } };

// Collation puts kanji after all kana, for it can't know how they are read. A Japanese list goes by the reading.
const readings = {
  ja: {
    日本: 'ニホン', 中: 'チュウ', 韓国: 'カンコク', 台湾: 'タイワン', 香港: 'ホンコン', 英領: 'エイリョウ',
    米領: 'ベイリョウ', 仏領: 'フツリョウ', 赤道: 'セキドウ', 東: 'ヒガシ', 西: 'ニシ', 南: 'ミナミ', 北: 'キタ',
  },
};

function namesOf(locale) {
  const short = new Intl.DisplayNames([locale], { type: 'region', style: 'short', fallback: 'none' });
  const long = new Intl.DisplayNames([locale], { type: 'region', style: 'long', fallback: 'none' });
  const bare = withoutBrackets[locale] ?? withoutBrackets.default;
  return Object.keys(callingCodes).map((code) => {
    let name = everydayName[locale]?.[code] ?? (fullName[locale]?.includes(code) ? long : short).of(code);
    if (!name) throw new Error(`${locale}: no name for ${code}`);
    if (bare.includes(code)) name = name.replace(/ ?[(（].*?[)）]/, '');
    return [code, name, callingCodes[code]];
  });
}

function sortKey(name, locale) {
  const kanji = Object.keys(readings[locale] ?? {}).find((start) => name.startsWith(start));
  return kanji ? readings[locale][kanji] + name.slice(kanji.length) : name;
}

for (const locale of ['en', 'ja', 'zh-Hans', 'ko', 'es', 'fr', 'de', 'pt', 'ar']) {
  const collator = new Intl.Collator(locale);
  const list = namesOf(locale).sort(
    ([, a], [, b]) => collator.compare(sortKey(a, locale), sortKey(b, locale)));
  const names = new Set(list.map(([, name]) => name));
  if (names.size !== list.length) throw new Error(`${locale}: two regions have the same name`);
  const lines = list.map((region) => JSON.stringify(region));
  writeFileSync(new URL(`regions-${locale}.json`, directory), `[\n${lines.join(',\n')}\n]\n`);
}
