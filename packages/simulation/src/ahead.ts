/** Lets this process's clock run ahead of the machine's, by what `byMs` says at the moment of asking. */
export function runAhead(byMs: () => number): void {
  const RealDate = Date;
  class AheadDate extends RealDate {
    constructor(...given: [] | [number | string | Date]) {
      if (given.length === 0) super(RealDate.now() + byMs());
      else super(...(given as [number]));
    }
    static override now() {
      return RealDate.now() + byMs();
    }
  }
  globalThis.Date = AheadDate as DateConstructor;
}
