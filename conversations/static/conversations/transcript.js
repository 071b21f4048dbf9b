// The turns in the document: one view each, in order; the screen follows while it is at the end.

import { TurnView } from "./turn.js";

const AHEAD = "1200px"; // how far from the screen old answers become Markdown

export class Transcript {
  constructor(element, box) {
    this.element = element;
    this.views = new Map();
    this.tasks = new WeakMap();
    this.watcher = new IntersectionObserver((entries) => this.met(entries), { root: box, rootMargin: AHEAD });
  }

  show(turns) {
    const kept = new Map(turns.map((turn) => [turn.key ?? turn.id, turn]));
    for (const [key, view] of this.views) if (!kept.has(key)) this.drop(key, view);
    let place = this.element.firstElementChild;
    for (const [key, turn] of kept) {
      const { element } = this.view(key, turn);
      if (element === place) place = place.nextElementSibling;
      else this.element.insertBefore(element, place);
    }
  }

  view(key, turn) {
    let view = this.views.get(key);
    if (!view) this.views.set(key, (view = new TurnView((node, task) => this.later(node, task))));
    view.update(turn);
    return view;
  }

  drop(key, view) {
    view.element.remove();
    this.views.delete(key);
  }

  later(node, task) {
    this.tasks.set(node, task);
    this.watcher.observe(node);
  }

  met(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.watcher.unobserve(target);
      this.tasks.get(target)?.();
      this.tasks.delete(target);
    }
  }
}
