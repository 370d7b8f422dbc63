import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

/** This machine (or container), as part of a file's name. */
export const HOST = hostname().replaceAll(/[^\w.-]/g, '_');

const OWN = `${HOST}-${process.pid}-${randomBytes(4).toString('hex')}`;

export const OWNED_FOLDER = /^(.+)-(\d+)-[0-9a-f]{8}$/;

/** A folder's name that tells this process from all others, so that what a dead one has left is known as such. */
export function processFolder(): string {
  return OWN;
}

/** Whose folder it is, by a match of OWNED_FOLDER. */
export function ownerOf([name, host, pid]: RegExpExecArray): 'alive' | 'dead' | 'unknown' {
  if (name === OWN) return 'alive';
  if (!OWN.startsWith(`${host}-${process.pid}-`)) return 'unknown';
  // In a container the process before had our number.
  return Number(pid) !== process.pid && isAlive(Number(pid)) ? 'alive' : 'dead';
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
