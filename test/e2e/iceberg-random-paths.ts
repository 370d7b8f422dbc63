import type { Dice } from './oracle-dice.js';

/** Keys on the ways into the objects of some JSON values. */
export function keyPaths(values: readonly unknown[]): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>();
  const visit = (value: unknown, path: readonly string[]): void => {
    if (path.length > 0) found.set(JSON.stringify(path), path);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    for (const [key, inner] of Object.entries(value)) visit(inner, [...path, key]);
  };
  for (const value of values) visit(value, []);
  return [...found.values()];
}

/** A member of a jsonb column by one of the ways that SQL has, sometimes of a key that is not there. */
export function randomAccess(dice: Dice, column: string, paths: readonly (readonly string[])[]): string {
  const known = paths.length === 0 ? ['missing'] : dice.pick(paths);
  const path = dice.chance(0.1) ? [...known.slice(0, -1), 'missing'] : dice.chance(0.05) ? [...known, 'below'] : known;
  const keys = path.map((key) => `'${key.replaceAll("'", "''")}'`);
  const last = keys.at(-1) ?? "''";
  const arrows = keys.slice(0, -1).map((key) => `->${key}`);
  return dice.pick([
    `${column}${arrows.join('')}->>${last}`,
    `${column}${arrows.join('')}->>${last}`,
    `${column}${arrows.join('')}->${last}`,
    `${column}${keys.map((key) => `[${key}]`).join('')}`,
    `jsonb_extract_path_text(${column}, ${keys.join(', ')})`,
    `${column} #> ARRAY[${keys.join(', ')}]`,
    `${column} #>> ARRAY[${keys.join(', ')}]`,
    `(${column}${arrows.join('')}) ->> ${last}`,
  ]);
}
