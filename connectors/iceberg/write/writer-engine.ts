import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, DuckDBScalarFunction, type DuckDBType, VARCHAR } from '@duckdb/node-api';
import { asTimelineError, type TimelineError } from '../../../sql/errors.js';
import { applyTransform, resultType } from '../format/transforms.js';
import { nestedText } from './nested-values.js';
import { datumOfText, type PartitionColumn, type TransformHelper, textOfDatum } from './partition-values.js';
import { comesAsJson, nestedFunction } from './physical-columns.js';
import type { TableShape } from './table-shape.js';

const MEMORY = '1GiB';

/** A DuckDB of its own that sorts and writes one task's rows, with a folder for what it makes. */
export interface WriterEngine {
  readonly connection: DuckDBConnection;
  readonly folder: string;
  close(): Promise<void>;
}

export async function openEngine(): Promise<WriterEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'timeline-write-'));
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    temp_directory: join(folder, 'spill'),
    memory_limit: MEMORY,
    enable_external_file_cache: 'false',
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'; SET preserve_insertion_order = true");
  return {
    connection,
    folder,
    async close() {
      connection.closeSync();
      instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Functions over texts that the SQL of columns and partition values calls; the answer gives the error that one of them threw. */
export function registerHelpers(
  connection: DuckDBConnection,
  shape: TableShape,
  helpers: readonly TransformHelper[],
): () => TimelineError | undefined {
  let failed: TimelineError | undefined;
  const register = (name: string, compute: (text: string) => string | null): void => {
    connection.registerScalarFunction(
      DuckDBScalarFunction.create({
        name,
        parameterTypes: [VARCHAR as DuckDBType],
        returnType: VARCHAR as DuckDBType,
        // Else DuckDB computes it over a whole dictionary, values included that no row has any more.
        volatile: true,
        mainFunction: (_info, chunk, output) => {
          try {
            const input = chunk.getColumnVector(0);
            for (let row = 0; row < chunk.rowCount; row++) {
              const text = input.getItem(row);
              output.setItem(row, text === null ? null : compute(String(text)));
            }
            output.flush();
          } catch (error) {
            failed = asTimelineError(error);
            throw error;
          }
        },
      }),
    );
  };
  for (const { name, transform, source } of helpers) {
    const result = resultType(transform, source);
    register(name, (text) => {
      const datum = applyTransform(transform, source, datumOfText(source, text));
      if (datum === undefined) return null;
      const out = textOfDatum(result, datum);
      return result.kind === 'decimal' ? withPoint(out, result.scale) : out;
    });
  }
  for (const field of shape.schema.fields.filter((one) => comesAsJson(one.type)))
    register(nestedFunction(field), (text) => nestedText(field, text));
  return () => failed;
}

function withPoint(unscaled: string, scale: number): string {
  if (scale === 0) return unscaled;
  const digits = unscaled.replace('-', '').padStart(scale + 1, '0');
  return `${unscaled.startsWith('-') ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

export function helpersOf(columns: readonly PartitionColumn[]): TransformHelper[] {
  return columns.flatMap(({ helper }) => (helper === undefined ? [] : [helper]));
}
