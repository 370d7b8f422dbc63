const WIDTH = 24;
/** Between two plain lines, where nothing can be rewritten. */
const PLAIN_MS = 5000;
const ERASE = '\r\x1b[K';

interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Tells how far something is: on a terminal in one line that is rewritten, else in a plain line every few seconds. */
export interface ProgressBar {
  /** A line of progressLine()'s, or any other text. */
  show(text: string): void;
  /** Takes the line away. */
  clear(): void;
}

export function progressBar(out: Output, options: { readonly plain: boolean; readonly now?: () => number }): ProgressBar {
  const now = options.now ?? Date.now;
  let shown = false;
  let told = Number.NEGATIVE_INFINITY;
  return {
    show(text) {
      if (out.isTTY === true) {
        // Some terminals say that they have no columns.
        out.write(`${ERASE}${fitted(withBar(text), out.columns || 80)}`);
        shown = true;
      } else if (options.plain && now() - told >= PLAIN_MS) {
        told = now();
        out.write(`${text}\n`);
      }
    },
    clear() {
      if (shown) out.write(ERASE);
      shown = false;
    },
  };
}

/** Is it a line of progressLine()'s? */
export function isProgress(message: string): boolean {
  return /\b\d+ of \d+ (?:task|interval)s?, /.test(message);
}

/** `[######..................]  25%  …` where the text says `N of M tasks` or `intervals`. */
export function withBar(text: string): string {
  const match = /(\d+) of (\d+) (?:task|interval)s?\b/.exec(text);
  const [done, all] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || !(all > 0)) return text;
  const share = Math.min(1, done / all);
  const full = Math.floor(share * WIDTH);
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${String(Math.floor(share * 100)).padStart(3)}%  ${text}`;
}

/** Cut to one line of the terminal: a longer one could not be rewritten. */
function fitted(text: string, columns: number): string {
  const line = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return line.length < columns ? line : `${line.slice(0, Math.max(1, columns - 2))}~`;
}
