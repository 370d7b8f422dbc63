import { hasProgram, type ProgramResult, runProgram } from './run-program.js';

export interface PsqlTarget {
  readonly host: string;
  readonly port: number;
  readonly user?: string;
  readonly database?: string;
}

export function hasPsql(): Promise<boolean> {
  return hasProgram('psql');
}

/** Runs a script with psql (no start-up file, unaligned, tuples only unless `flags` say otherwise). */
export function runPsql(
  target: PsqlTarget,
  script: string,
  flags: readonly string[] = ['-At'],
  options: { readonly timeoutMs?: number } = {},
): Promise<ProgramResult> {
  return runProgram(
    'psql',
    ['-X', '-h', target.host, '-p', String(target.port), '-U', target.user ?? 'timeline', '-d', target.database ?? 'timeline', ...flags],
    {
      ...options,
      input: script,
      env: { PGCONNECT_TIMEOUT: '10', PGPASSWORD: '', PSQL_PAGER: '' },
    },
  );
}
