/** Decimal digits and ASCII, written into a buffer with room for them; each gives the place behind what it wrote. */

export function putInt32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}

/** Two digits of a number below 100. */
export function putTwo(buffer: Uint8Array, at: number, value: number): void {
  const tens = (value / 10) | 0;
  buffer[at] = 48 + tens;
  buffer[at + 1] = 48 + value - tens * 10;
}

/** An integer that a JavaScript number holds exactly. */
export function putInteger(buffer: Uint8Array, at: number, value: number): number {
  if (value >= 0) return putDigits(buffer, at, value);
  buffer[at] = 45;
  return putDigits(buffer, at + 1, -value);
}

export function putDigits(buffer: Uint8Array, at: number, value: number): number {
  if (value >= 1_000_000_000) {
    // Numbers above 32 bits are divided slowly: nine digits at a time.
    const high = Math.floor(value / 1_000_000_000);
    const low = value - high * 1_000_000_000;
    const end = putDigits(buffer, at, high) + 9;
    fill(buffer, end, 9, low);
    return end;
  }
  const end = at + digitsOf(value);
  fill(buffer, end, end - at, value);
  return end;
}

/** `count` digits before `end`, of a number below a milliard. */
function fill(buffer: Uint8Array, end: number, count: number, value: number): void {
  let rest = value | 0;
  for (let at = end - 1; at >= end - count; at--) {
    const next = (rest / 10) | 0;
    buffer[at] = 48 + rest - next * 10;
    rest = next;
  }
}

function digitsOf(value: number): number {
  if (value < 10) return 1;
  if (value < 100) return 2;
  if (value < 1000) return 3;
  if (value < 10_000) return 4;
  if (value < 100_000) return 5;
  if (value < 1_000_000) return 6;
  if (value < 10_000_000) return 7;
  return value < 100_000_000 ? 8 : 9;
}

export function putAscii(buffer: Uint8Array, at: number, text: string): number {
  for (let n = 0; n < text.length; n++) buffer[at + n] = text.charCodeAt(n);
  return at + text.length;
}
