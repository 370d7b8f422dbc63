import { internal } from './errors.js';
import { quoteIdentifier } from './quote.js';
import { TYPE_NAME } from './types.js';

/** pg_proc, as far as an expression tree needs it. */
export interface FunctionInfo {
  /** Call.fn: `name(argument types)`, with its schema unless that is pg_catalog. */
  readonly signature: string;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  /** Declared argument types, OIDs; the last one is the array type for a VARIADIC function. */
  readonly argTypes: readonly number[];
  /** A VARIADIC parameter: its element type; 2276 ("any") leaves the call's arguments as they are. 0: none. */
  readonly variadic: number;
  /** pg_node_tree text of the defaults of the last parameters. */
  readonly defaults: string | undefined;
}

/** What the names are read from: the embedded Postgres. */
export interface CatalogueSource {
  catalogueRows(sql: string): Promise<readonly (readonly (string | null)[])[]>;
  relationName(oid: number): { readonly schema: string; readonly name: string } | undefined;
}

const VOLATILITY: Readonly<Record<string, FunctionInfo['volatility']>> = { i: 'immutable', s: 'stable', v: 'volatile' };

/** Names by OID: pg_proc, pg_operator and pg_type are loaded once, relations are asked of the mirror as it stands. */
export class CatalogueNames {
  private readonly variadicSignatures: ReadonlySet<string>;

  private constructor(
    private readonly functions: ReadonlyMap<number, FunctionInfo>,
    private readonly operators: ReadonlyMap<number, { readonly name: string; readonly fn: number }>,
    private readonly types: ReadonlyMap<number, { readonly schema: string; readonly name: string; readonly array: number }>,
    private readonly source: CatalogueSource,
  ) {
    this.variadicSignatures = new Set(
      [...functions.values()].filter((fn) => fn.variadic !== 0 && fn.variadic !== ANY).map((fn) => fn.signature),
    );
  }

  /** About 0.1 s. */
  static async load(source: CatalogueSource): Promise<CatalogueNames> {
    const types = new Map<number, { readonly schema: string; readonly name: string; readonly array: number }>();
    for (const [oid, schema, name, array] of await source.catalogueRows(
      'select t.oid, n.nspname, t.typname, t.typarray from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace where t.typrelid = 0',
    )) {
      types.set(Number(oid), { schema: schema ?? '', name: name ?? '', array: Number(array) });
    }
    const functions = new Map<number, FunctionInfo>();
    for (const [oid, schema, name, args, volatility, variadic, defaults] of await source.catalogueRows(
      'select p.oid, n.nspname, p.proname, p.proargtypes, p.provolatile, p.provariadic, p.proargdefaults from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace',
    )) {
      const argTypes = (args ?? '')
        .split(' ')
        .filter((arg) => arg !== '')
        .map(Number);
      const prefix = schema === 'pg_catalog' ? '' : `${schema}.`;
      functions.set(Number(oid), {
        signature: `${prefix}${name}(${argTypes.map((arg) => types.get(arg)?.name ?? String(arg)).join(',')})`,
        volatility: VOLATILITY[volatility ?? ''] ?? 'volatile',
        argTypes,
        variadic: Number(variadic),
        defaults: defaults ?? undefined,
      });
    }
    const operators = new Map<number, { readonly name: string; readonly fn: number }>();
    for (const [oid, name, fn] of await source.catalogueRows('select oid, oprname, oprcode::oid from pg_catalog.pg_operator')) {
      operators.set(Number(oid), { name: name ?? '', fn: Number(fn) });
    }
    return new CatalogueNames(functions, operators, types, source);
  }

  /** The same, which asks `relationName` first. */
  withRelations(relationName: CatalogueSource['relationName']): CatalogueNames {
    const { source } = this;
    return new CatalogueNames(this.functions, this.operators, this.types, {
      catalogueRows: (sql) => source.catalogueRows(sql),
      relationName: (oid) => relationName(oid) ?? source.relationName(oid),
    });
  }

  function(oid: number): FunctionInfo {
    const found = this.functions.get(oid);
    if (found === undefined) throw internal(`function ${oid} is not in pg_proc`);
    return found;
  }

  operator(oid: number): { readonly name: string; readonly fn: number } {
    const found = this.operators.get(oid);
    if (found === undefined) throw internal(`operator ${oid} is not in pg_operator`);
    return found;
  }

  /** The operator of this name over the same types as another one. */
  sibling(oid: number, name: string): { readonly name: string; readonly fn: number } | undefined {
    const types = this.function(this.operator(oid).fn).argTypes.join();
    return [...this.operators.values()].find((other) => other.name === name && this.functions.get(other.fn)?.argTypes.join() === types);
  }

  relation(oid: number): { readonly schema: string; readonly name: string } {
    const found = this.source.relationName(oid);
    if (found === undefined) throw internal(`relation ${oid} is not in the mirror`);
    return found;
  }

  /** pg_type.typname. */
  typeName(oid: number): string {
    return this.types.get(oid)?.name ?? TYPE_NAME.get(oid) ?? `oid ${oid}`;
  }

  /** OID of the array type over a type; 0: none. */
  arrayType(oid: number): number {
    return this.types.get(oid)?.array ?? 0;
  }

  /** A type's qualified name for SQL text. */
  typeSql(oid: number): string {
    const found = this.types.get(oid);
    if (found === undefined) throw internal(`type ${oid} is not in pg_type`);
    return `${quoteIdentifier(found.schema)}.${quoteIdentifier(found.name)}`;
  }

  /** Does this function take its last argument as VARIADIC array? */
  isVariadic(signature: string): boolean {
    return this.variadicSignatures.has(signature);
  }
}

/** OID of the pseudo-type "any". */
const ANY = 2276;
