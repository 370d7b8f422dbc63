import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** What a process and its descendants used; from /proc, so on Linux only. */
export interface Usage {
  /** Seconds of user and system time, of ended children too. */
  readonly cpu: number;
  /** Sum of the processes' peaks of resident memory since the last reset, bytes. */
  readonly peak: number;
}

/** Ticks of /proc/<pid>/stat: always 100 a second for user space on Linux. */
const TICKS = 100;

/** `except`: descendants whose command starts so do not count (with all below them). */
export function usage(pid: number, except: readonly string[] = []): Usage {
  let [cpu, peak] = [0, 0];
  for (const id of tree(pid, except)) {
    const stat = statOf(id);
    if (stat === undefined) continue;
    cpu += stat.ticks / TICKS;
    peak += Number(/^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${id}/status`) ?? '')?.[1] ?? 0) * 1024;
  }
  return { cpu, peak };
}

/** Starts the count of peak memory again from what is resident now. */
export function resetPeak(pid: number, except: readonly string[] = []): void {
  for (const id of tree(pid, except)) {
    try {
      writeFileSync(`/proc/${id}/clear_refs`, '5');
    } catch {
      // It has ended, or the kernel does not let us: then the peak is the process's life's.
    }
  }
}

function tree(root: number, except: readonly string[]): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(Number(name));
    if (stat === undefined || except.some((name) => stat.command.startsWith(name))) continue;
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (let at = 0; at < found.length; at++) found.push(...(children.get(found[at] ?? -1) ?? []));
  return found;
}

function statOf(pid: number): { readonly command: string; readonly parent: number; readonly ticks: number } | undefined {
  // 123 (some (command)) S 1 … : the command may hold blanks and brackets.
  const match = /^\d+ \((.*)\) \S (.*)$/s.exec(read(`/proc/${pid}/stat`) ?? '');
  if (!match) return undefined;
  const fields = (match[2] ?? '').split(' ').map(Number);
  const ticks = [10, 11, 12, 13].reduce((sum, at) => sum + (fields[at] ?? 0), 0);
  return { command: match[1] ?? '', parent: fields[0] ?? 0, ticks };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Bytes that one process has resident now; 0: it has ended. */
export function resident(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1] ?? 0) * 1024;
}

/** Its descendants, without those whose command starts so and all below them. */
export function descendants(pid: number, except: readonly string[] = []): readonly number[] {
  return tree(pid, except).slice(1);
}
