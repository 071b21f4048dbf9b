// Keeps the end in sight as long as the person is there; a button brings them back.

const NEAR = 24; // pixels from the end that still count as the end

export class Scroll {
  // `settled` is called when somebody comes back to the end.
  constructor(box, content, button, settled) {
    Object.assign(this, { box, content, button, settled, stuck: true, top: 0 });
    box.addEventListener("scroll", () => this.moved(), { passive: true });
    button.addEventListener("click", () => this.end());
    const observer = new ResizeObserver(() => this.follow());
    observer.observe(box);
    observer.observe(content);
  }

  // Upwards is the person's wish to stay; reaching the end is the wish to follow.
  moved() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    const gap = scrollHeight - scrollTop - clientHeight;
    if (gap < NEAR) this.settle();
    else if (scrollTop < this.top) this.stuck = false;
    this.top = scrollTop;
    this.button.hidden = this.stuck;
  }

  // What comes in above the screen moves nothing on it. The browser's own anchor, which is not at
  // work at the very top, rests meanwhile.
  hold(change) {
    const seen = this.stuck ? null : this.seen();
    if (!seen) return change();
    const before = seen.getBoundingClientRect().top;
    this.box.style.overflowAnchor = "none";
    change();
    this.box.scrollTop += seen.getBoundingClientRect().top - before;
    this.box.style.overflowAnchor = "";
  }

  // The first turn on the screen.
  seen() {
    const { top } = this.box.getBoundingClientRect();
    return [...this.content.children].find((turn) => turn.getBoundingClientRect().bottom > top);
  }

  follow() {
    if (!this.stuck) return this.moved();
    this.box.scrollTop = this.box.scrollHeight;
    this.top = this.box.scrollTop; // before its event: who scrolls up until then, scrolls up from here
  }

  settle() {
    if (this.stuck) return;
    this.stuck = true;
    this.settled();
  }

  end() {
    this.settle();
    this.button.hidden = true;
    this.follow();
  }
}
