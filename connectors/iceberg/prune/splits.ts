import type { ConnectorSplit } from '../../connector.js';
import { type IcebergSplit, rowsOf, type SplitFile } from '../handle.js';
import type { FileBounds, SplitBounds } from './split-bounds.js';

/** A data file to be split out. */
export interface PlannedFile {
  readonly file: SplitFile;
  readonly bounds: FileBounds | undefined;
  /** Where row groups begin, as the manifest says. */
  readonly offsets: readonly number[];
}

interface Piece {
  readonly file: SplitFile;
  readonly bounds: FileBounds | undefined;
  readonly bytes: number;
}

/** Neighbours together up to so many bytes; a file that is larger is cut between its row groups, as far as their places are known. */
export function splitsOf(files: readonly PlannedFile[], most: number): ConnectorSplit[] {
  const groups: { pieces: Piece[]; bytes: number }[] = [];
  for (const file of files) {
    for (const piece of cut(file, most)) {
      const last = groups.at(-1);
      if (last !== undefined && last.bytes + piece.bytes <= most) {
        last.pieces.push(piece);
        last.bytes += piece.bytes;
      } else {
        groups.push({ pieces: [piece], bytes: piece.bytes });
      }
    }
  }
  return groups.map(({ pieces, bytes }): ConnectorSplit => {
    const split: IcebergSplit = { files: pieces.map(({ file }) => file) };
    const bounds: SplitBounds = pieces.flatMap((piece) => (piece.bounds === undefined ? [] : [piece.bounds]));
    return {
      data: split,
      bytes,
      rows: pieces.reduce((sum, { file }) => sum + rowsOf(file), 0),
      ...(bounds.length === 0 ? {} : { bounds }),
    };
  });
}

/**
 * The parts meet without a gap from 0 to the file's end: wherever its row groups begin in truth, each is in one part and in one only.
 * Places that cannot be (not ascending, beyond the end) are not used.
 */
function cut({ file, bounds, offsets }: PlannedFile, most: number): readonly Piece[] {
  const whole: Piece = { file, bounds, bytes: file.bytes };
  if (file.format !== undefined || file.bytes <= most || offsets.length < 2) return [whole];
  const ends = [...offsets.slice(1), file.bytes];
  if (ends.some((end, index) => end <= (offsets[index] ?? 0))) return [whole];
  const edges = [0, ...ends];
  const pieces: Piece[] = [];
  let from = 0;
  for (let index = 1; index < edges.length; index++) {
    const to = edges[index] ?? file.bytes;
    const next = edges[index + 1];
    if (next !== undefined && next - from <= most) continue;
    pieces.push({ file: { ...file, part: [from, to] }, bounds, bytes: to - from });
    from = to;
  }
  return pieces.length === 1 ? [whole] : pieces;
}
