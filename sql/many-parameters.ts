import { scanSync } from 'libpg-query';
import { codePoints } from './parse.js';
import { ARRAY_OF } from './types.js';

/** PostgreSQL's functions have at most so many arguments; its statements may have 65,535 parameters. */
const MOST = 100;

export interface GatheredParameters {
  readonly sql: string;
  /** Types of the arguments that stand for the parameters. */
  readonly types: readonly number[];
  /** The analysed tree with the parameters as they were numbered. */
  restore(tree: string): string;
  /** The position in the original text of one in the new text, both 1-based in code points. */
  mapPosition(position: number): number;
}

/**
 * A statement with more parameters than a function has arguments, for analysis as a function's body: parameters of one type become
 * elements of one array argument. Undefined where they fit as they are, or where even so they don't.
 */
export function gatherParameters(sql: string, types: readonly number[]): GatheredParameters | undefined {
  if (types.length <= MOST) return undefined;
  const given: number[] = [];
  const places = new Map<number, string>();
  const numbers = new Map<string, number>();
  const groups = new Map<number, { readonly argument: number; size: number }>();
  types.forEach((type, n) => {
    const array = ARRAY_OF.get(type);
    if (array === undefined) {
      given.push(type);
      places.set(n + 1, `$${given.length}`);
      numbers.set(`${given.length}`, n + 1);
      return;
    }
    let group = groups.get(type);
    if (group === undefined) {
      given.push(array);
      group = { argument: given.length, size: 0 };
      groups.set(type, group);
    }
    group.size += 1;
    places.set(n + 1, `($${group.argument})[${group.size}]`);
    numbers.set(`${group.argument}[${group.size}]`, n + 1);
  });
  if (given.length > MOST) return undefined;
  return { ...replaced(sql, places), types: given, restore: (tree) => restored(tree, numbers) };
}

function replaced(sql: string, places: ReadonlyMap<number, string>): Pick<GatheredParameters, 'sql' | 'mapPosition'> {
  const bytes = Buffer.from(sql, 'utf8');
  const parts: string[] = [];
  const shifts: { readonly from: number; readonly by: number }[] = [];
  let at = 0;
  let length = 0;
  let shift = 0;
  for (const token of scanSync(sql).tokens) {
    const place = token.tokenName === 'PARAM' ? places.get(Number(token.text.slice(1))) : undefined;
    if (place === undefined) continue;
    const before = bytes.subarray(at, token.start).toString('utf8');
    parts.push(before, place);
    length += codePoints(before) + place.length;
    shift += place.length - token.text.length;
    shifts.push({ from: length, by: shift });
    at = token.end;
  }
  parts.push(bytes.subarray(at).toString('utf8'));
  return {
    sql: parts.join(''),
    mapPosition: (position) => position - (shifts.findLast(({ from }) => from < position)?.by ?? 0),
  };
}

const PARAM = String.raw`\{PARAM :paramkind 0 :paramid (\d+) :paramtype \d+ :paramtypmod -?\d+ :paramcollid \d+ :location -?\d+\}`;
const INDEX = String.raw`\(\{CONST :consttype 23 [^{}\[]* :constvalue \d+ \[ ((?:-?\d+ ?)+)\]\}\)`;
const ELEMENT = new RegExp(
  String.raw`\{SUBSCRIPTINGREF :refcontainertype \d+ :refelemtype \d+ :refrestype (\d+) :reftypmod (-?\d+) :refcollid (\d+) :refupperindexpr ${INDEX} :reflowerindexpr <> :refexpr ${PARAM} :refassgnexpr <>\}`,
  'g',
);

/** Elements of the arrays become parameters again; the others get their own numbers back. */
function restored(tree: string, numbers: ReadonlyMap<string, number>): string {
  const node = (number: number, type: string, typmod: string, collation: string): string =>
    // Marked, so that the second pass leaves it alone.
    `{PARAM :paramkind 0 :paramid =${number} :paramtype ${type} :paramtypmod ${typmod} :paramcollid ${collation} :location -1}`;
  return tree
    .replace(ELEMENT, (whole, type: string, typmod: string, collation: string, datum: string, argument: string) => {
      const number = numbers.get(`${argument}[${little(datum)}]`);
      return number === undefined ? whole : node(number, type, typmod, collation);
    })
    .replace(/(:paramkind 0 :paramid )(\d+)/g, (whole, head: string, argument: string) => {
      const number = numbers.get(argument);
      return number === undefined ? whole : `${head}${number}`;
    })
    .replaceAll(':paramid =', ':paramid ');
}

/** The int4 in a datum's bytes, lowest first. */
function little(datum: string): number {
  const bytes = datum.trim().split(' ').map(Number);
  return bytes.slice(0, 4).reduce((sum, byte, n) => sum + (byte & 0xff) * 2 ** (8 * n), 0);
}
