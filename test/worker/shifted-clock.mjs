/** Preloaded into a process: its clock is off by CLOCK_SHIFT_MS. */
const RealDate = Date;
const shift = Number(process.env.CLOCK_SHIFT_MS);

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + shift);
    else super(...given);
  }

  static now() {
    return RealDate.now() + shift;
  }
};
