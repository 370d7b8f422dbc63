type Level = 'info' | 'warn' | 'error';

/** One line a fact, on standard error, so that standard output stays for answers. Never given secrets or row values. */
export function log(level: Level, message: string): void {
  process.stderr.write(`${new Date().toISOString()} ${level} ${message}\n`);
}
