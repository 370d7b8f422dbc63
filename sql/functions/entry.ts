/** One argument of a call as the kernel's printer gives it to an entry. */
export interface PrintedArgument {
  /** DuckDB SQL of the argument's physical type (numeric: VARCHAR in PostgreSQL's text form). */
  readonly sql: string;
  /** PostgreSQL's text when the argument is a constant (null: NULL); undefined when it isn't. */
  readonly constant: string | null | undefined;
  /** OID of its type. */
  readonly oid: number;
}

/**
 * How the kernel computes one PostgreSQL function: DuckDB SQL with `$1`… for the arguments, or a function that makes it
 * from the arguments (undefined: not for these arguments). Functions `tl_…` are registered by src/kernel/scalar-functions.ts.
 */
export type FunctionEntry = string | ((args: readonly PrintedArgument[]) => string | undefined);

export type FunctionList = Readonly<Record<string, FunctionEntry>>;

export function fill(template: string, args: readonly string[]): string {
  return template.replace(/\$(\d)/g, (_, n: string) => {
    const arg = args[Number(n) - 1];
    if (arg === undefined) throw new Error(`template ${template} asks for an argument that the call lacks`);
    return arg;
  });
}

/** SQL that raises an error with this SQLSTATE (src/kernel/kernel-error.ts reads it back). */
export function raise(sqlstate: string, message: string): string {
  return `error('TL${sqlstate}:${message.replaceAll("'", "''")}')`;
}
