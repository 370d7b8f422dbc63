/** A decimal number scaled by 10^scale: its floor, and whether nothing was cut off. Undefined: no such number (NaN, infinite), or too long. */
export function flooredDecimal(text: string, scale: number): { readonly floor: bigint; readonly isWhole: boolean } | undefined {
  const match = /^(-?)(\d{1,200})(?:\.(\d{1,200}))?$/.exec(text);
  if (match === null) return undefined;
  const fraction = match[3] ?? '';
  const kept = BigInt(`${match[2]}${fraction.slice(0, scale).padEnd(scale, '0')}`);
  const isWhole = /^0*$/.test(fraction.slice(scale));
  if (match[1] !== '-') return { floor: kept, isWhole };
  return { floor: isWhole ? -kept : -kept - 1n, isWhole };
}
