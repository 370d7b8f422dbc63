/** A small seeded generator (sfc32): the same numbers on every machine, as it uses integer arithmetic only. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** Streams of one seed are independent of each other. */
  constructor(seed: number, stream: number) {
    this.a = Math.imul(seed, 0x9e3779b1) ^ 0x243f6a88;
    this.b = Math.imul(stream, 0x85ebca6b) ^ 0x13198a2e;
    this.c = (seed ^ Math.imul(stream, 0xc2b2ae35)) | 0;
    for (let i = 0; i < 12; i++) this.bits();
  }

  /** 32 random bits as an unsigned integer. */
  bits(): number {
    const mixed = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + mixed) | 0;
    return mixed >>> 0;
  }

  /** In [0, 1). */
  unit(): number {
    return this.bits() / 0x1_0000_0000;
  }

  /** An integer in [from, to). */
  integer(from: number, to: number): number {
    return from + Math.floor(this.unit() * (to - from));
  }

  /** An index drawn by weights that add up to 1. */
  weighted(weights: readonly number[]): number {
    let rest = this.unit();
    for (let i = 0; i < weights.length - 1; i++) {
      rest -= weights[i] ?? 0;
      if (rest < 0) return i;
    }
    return weights.length - 1;
  }

  /** Positive with a long tail, half of all values below `median`, none above 50 times it. No logarithms: their last digit varies by machine. */
  longTailed(median: number): number {
    const u = this.unit();
    return median * (u / (1.02 - u)) * 1.04;
  }
}
