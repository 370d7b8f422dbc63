export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** DuckDB takes every path for a pattern. */
export function globLiteral(path: string): string {
  return quoteText(path.replace(/[*?[]/g, (character) => `[${character}]`));
}
