// Keeps the end in sight as long as the person is there; a button brings them back.

const NEAR = 24; // pixels from the end that still count as the end

export class Scroll {
  constructor(box, content, button) {
    Object.assign(this, { box, button, stuck: true, top: 0 });
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
    if (gap < NEAR) this.stuck = true;
    else if (scrollTop < this.top) this.stuck = false;
    this.top = scrollTop;
    this.button.hidden = this.stuck;
  }

  follow() {
    if (this.stuck) this.box.scrollTop = this.box.scrollHeight;
    else this.moved();
  }

  end() {
    this.stuck = true;
    this.button.hidden = true;
    this.follow();
  }
}
