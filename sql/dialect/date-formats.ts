import type { Cursor } from './cursor.js';
import type { DialectToken } from './scan.js';

/** strftime-like fields, for years of four digits. */
const PERCENT: Readonly<Record<string, string>> = { Y: 'YYYY', m: 'MM', d: 'DD', H: 'HH24' };
const OWN = {
  bigquery: { M: 'MI', S: 'SS', F: 'YYYY-MM-DD', T: 'HH24:MI:SS', R: 'HH24:MI' },
  mysql: { i: 'MI', s: 'SS', S: 'SS', T: 'HH24:MI:SS' },
} as const;

/** A format of %-fields as to_char writes it. Fields that show names or lose zeros are refused. */
export function dateFormat(format: string, cursor: Cursor, token: DialectToken): string {
  const own: Readonly<Record<string, string>> = cursor.dialect === 'bigquery' ? OWN.bigquery : OWN.mysql;
  let pattern = '';
  for (let at = 0; at < format.length; at += 1) {
    const character = format[at] ?? '';
    if (character === '%') {
      at += 1;
      const letter = format[at] ?? '';
      const field = Object.hasOwn(PERCENT, letter) ? PERCENT[letter] : Object.hasOwn(own, letter) ? own[letter] : undefined;
      if (field === undefined) throw cursor.refuse(`%${letter} in a format of ${cursor.label}`, token);
      pattern += field;
    } else if (/[-/:., _]/.test(character)) pattern += character;
    else if (/[A-Za-z0-9]/.test(character)) pattern += `"${character}"`;
    else throw cursor.refuse(`${JSON.stringify(character)} in a format`, token);
  }
  return pattern;
}
