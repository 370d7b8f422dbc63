import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Type } from '../../../sql/types.js';
import type { EventPart, ParquetEvents } from './parquet-events.js';
import type { OrderValues } from './tie-order.js';
import { valueReader } from './vectors.js';

/** Parts whose columns are kept. */
const MOST_PARTS = 16;

/** The order_by columns of parts, read when they are asked for. */
export class PartOrderValues {
  readonly #events: ParquetEvents;
  readonly #orderBy: readonly number[];
  readonly #types: ReadonlyMap<number, Type>;
  readonly #parts = new Map<EventPart, ReadonlyMap<number, ColumnVector>>();
  /** Parts that were read for it, again and again counted. */
  reads = 0;

  constructor(events: ParquetEvents, orderBy: readonly number[], types: ReadonlyMap<number, Type>) {
    this.#events = events;
    this.#orderBy = orderBy;
    this.#types = types;
  }

  async of(part: EventPart): Promise<(row: number) => OrderValues> {
    let columns = this.#parts.get(part);
    if (columns === undefined) {
      columns = await this.#events.readOthers(part);
      this.reads += 1;
      const [oldest] = this.#parts.keys();
      if (oldest !== undefined && this.#parts.size >= MOST_PARTS) this.#parts.delete(oldest);
      this.#parts.set(part, columns);
    }
    const found = columns;
    const readers = this.#orderBy.map((id) => valueReader(found.get(id) as ColumnVector, this.#types.get(id) as Type));
    return (row) => readers.map((read) => read(row));
  }

  /** Of many rows, each part's together; in the order of the rows. */
  async ofRows(origins: readonly { readonly part: EventPart; readonly row: number }[]): Promise<OrderValues[]> {
    const byPart = new Map<EventPart, number[]>();
    for (const [n, { part }] of origins.entries()) {
      const known = byPart.get(part);
      if (known === undefined) byPart.set(part, [n]);
      else known.push(n);
    }
    const out: OrderValues[] = new Array(origins.length);
    for (const [part, places] of byPart) {
      const values = await this.of(part);
      for (const n of places) out[n] = values(origins[n]?.row as number);
    }
    return out;
  }
}
