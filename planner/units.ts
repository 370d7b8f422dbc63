/** `1 row`, `3 rows`, `12,345 rows`. */
export function count(n: number, noun: string): string {
  return `${n.toString().replace(/\B(?=(\d{3})+(?!\d))/g, ',')} ${noun}${n === 1 ? '' : 's'}`;
}

/** Bytes as people read them: `0 B`, `1.5 MB`. Powers of 1024. */
export function size(bytes: number): string {
  let value = bytes;
  for (const unit of ['B', 'kB', 'MB', 'GB', 'TB']) {
    if (value < 1024 || unit === 'TB') return `${unit === 'B' || value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${bytes} B`;
}
