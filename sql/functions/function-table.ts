import { ALLOW_LIST } from './allow-list.js';
import type { FunctionEntry } from './entry.js';

type Way = 'duckdb' | 'guarded' | 'ours' | 'by argument';

const TITLES: Readonly<Record<Way, string>> = {
  duckdb: "DuckDB's own function or operator, which means the same",
  guarded: "DuckDB's, put together so that it means the same: other arguments, errors, NULLs or edges",
  ours: 'a small function of ours inside DuckDB, where DuckDB differs',
  'by argument': 'one of these where the arguments allow it (a constant pattern, a unit, a type), else PostgreSQL',
};

/** The page docs/functions.md: how each listed function is computed over tables. */
export function functionTable(): string {
  const byWay = new Map<Way, string[]>();
  for (const [signature, entry] of ALLOW_LIST) byWay.set(wayOf(entry), [...(byWay.get(wayOf(entry)) ?? []), signature]);
  const sections = (Object.keys(TITLES) as Way[]).map((way) => {
    const signatures = byWay.get(way) ?? [];
    return `## ${signatures.length}: ${TITLES[way]}\n\n${families(signatures)}\n`;
  });
  return `# How functions are computed over tables

PostgreSQL decides what a function means; who computes it over the rows of a table depends on whether DuckDB means the same. The
${ALLOW_LIST.size} signatures below run inside DuckDB, and a test compares each with PostgreSQL over awkward values. **Every other immutable or
stable function and aggregate of PostgreSQL's own is computed by PostgreSQL itself**, inside the task and a batch of rows at a time: exact by
construction, slower (some microseconds a row), and named in EXPLAIN as "Computed by PostgreSQL". Refused (0A000) are functions that look at
the server's files, settings, sessions or catalogues, and functions that run SQL given as text.

Operators stand under the name of their function in \`pg_operator.oprcode\` (\`int4pl\` is \`+\` of two integers). This page is written by
\`node scripts/function-table.mjs\`.

${sections.join('\n')}`;
}

function wayOf(entry: FunctionEntry): Way {
  if (typeof entry !== 'string') return 'by argument';
  if (/\btl_/.test(entry)) return 'ours';
  return /^(\(\$1 \S+ \$2\)|\w+\((\$\d(, )?)*\)|CAST\(\w*\(?\$1\)? AS \w+\)|\$1)$/.test(entry) ? 'duckdb' : 'guarded';
}

/** One line for each name: its argument lists. */
function families(signatures: readonly string[]): string {
  const byName = new Map<string, string[]>();
  for (const signature of signatures) {
    const open = signature.indexOf('(');
    const name = signature.slice(0, open);
    byName.set(name, [...(byName.get(name) ?? []), signature.slice(open)]);
  }
  return [...byName]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, args]) => `\`${name}${args.join('` `')}\``)
    .join(' · ');
}
