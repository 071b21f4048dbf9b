// Older turns, shown when the person comes near the beginning of those that are there.

const NEAR = 600; // pixels from the top

export class Earlier {
  // `first` gives the id of the oldest turn that is shown, if there are older ones.
  // `told` hears what was before it.
  constructor({ button, box, first, told, failed }) {
    Object.assign(this, { button, box, first, told, failed, asking: false, isBroken: false });
    button.addEventListener("click", () => this.ask());
    box.addEventListener("scroll", () => this.near() && !this.isBroken && this.ask(), { passive: true });
  }

  near() {
    return this.box.scrollTop < NEAR;
  }

  async ask() {
    const before = this.first();
    if (!before || this.asking) return;
    this.asking = true;
    const older = await this.fetched(before);
    this.asking = false;
    this.isBroken = !older; // then scrolling does not ask for each of its steps; the button does
    if (older) this.told(older, before);
    else this.failed();
  }

  // What was before a turn, or null.
  async fetched(before) {
    try {
      const response = await fetch(`${this.button.dataset.url}?before=${before}`);
      return response.ok ? await response.json() : null;
    } catch {
      return null; // also where the answer was cut off
    }
  }
}
