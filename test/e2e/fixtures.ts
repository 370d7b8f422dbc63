import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type pg from 'pg';
import { Oid } from '../../sql/types.js';
import { sharedFixtures } from '../support/project-root.js';

/** timeline.yaml for the shared Iceberg tables: namespace `py` from the SQLite catalog, `db` from the Hadoop layout. */
export function fixtureConfig(): string {
  const folder = join(sharedFixtures(), 'iceberg');
  return JSON.stringify({
    catalogs: {
      fx: {
        type: 'iceberg',
        catalog: { type: 'sql', uri: `sqlite:///${folder}/py/catalog.db`, name: 'fx' },
        locations: { 'file:///fixtures/iceberg': `file://${folder}` },
      },
      spark: {
        type: 'iceberg',
        catalog: { type: 'filesystem', warehouse: `file://${folder}/spark` },
        locations: { 'file:///fixtures/iceberg': `file://${folder}` },
      },
    },
  });
}

/** The digest of expected.json over a result that came in text form. */
export function digest(fields: readonly pg.FieldDef[], rows: readonly (readonly (string | null)[])[]): string {
  const texts = rows.map((row) => Buffer.from(`[${row.map((value, i) => canonical(fields[i]?.dataTypeID ?? 0, value)).join(',')}]`));
  texts.sort(Buffer.compare);
  return createHash('sha256')
    .update(texts.map((text) => text.toString()).join('\n'))
    .digest('hex');
}

/** One value as the fixtures' README writes it. */
function canonical(oid: number, text: string | null): string {
  if (text === null) return 'null';
  switch (oid) {
    case Oid.int4:
    case Oid.int8:
      return text;
    case Oid.float8: {
      const value = Number(text);
      return Number.isFinite(value) ? String(value) : JSON.stringify(text);
    }
    case Oid.timestamp: {
      const [, date, time, fraction = ''] = /^(\S+) ([\d:]+)(?:\.(\d+))?$/.exec(text) ?? [];
      return JSON.stringify(`${date}T${time}.${fraction.padEnd(6, '0')}`);
    }
    case Oid.timestamptz: {
      const [, date, time, fraction = ''] = /^(\S+) ([\d:]+)(?:\.(\d+))?\+00$/.exec(text) ?? [];
      return JSON.stringify(`${date}T${time}.${fraction.padEnd(6, '0')}Z`);
    }
    case Oid.jsonb: {
      // A map: its pairs, by the JSON text of the key.
      const pairs = Object.entries(JSON.parse(text) as Record<string, unknown>).map(([key, value]) => [key, value]);
      pairs.sort((a, b) => (JSON.stringify(a[0]) < JSON.stringify(b[0]) ? -1 : 1));
      return JSON.stringify(pairs);
    }
    default:
      return JSON.stringify(text);
  }
}
