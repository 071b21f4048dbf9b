// For those who listen: says in a few words when an answer begins and how it ended, no more.

import { ENDED } from "./state.js";
import { failure, REASONS } from "./words.js";

export class Voice {
  constructor(element) {
    this.element = element;
    this.known = new Map();
  }

  // What is there at first is not news, nor what was said before that.
  tell({ turns, ready }) {
    const oldest = turns.findIndex(({ id }) => this.known.has(id));
    for (const [place, turn] of turns.entries()) {
      const before = this.known.get(turn.id);
      const now = turn.asked.length ? "asks" : turn.status;
      this.known.set(turn.id, now);
      if (this.awake && place >= oldest && before !== now) this.say(turn);
    }
    this.awake ||= ready;
  }

  say({ status, reason, error, asked }) {
    if (asked.length) this.element.textContent = `May ${asked[0].name} be used? Approve or refuse.`;
    else if (status === "in_progress") this.element.textContent = "The answer begins.";
    else if (status === "failed" || status === "refused") this.element.textContent = failure(error ?? undefined);
    else if (status === "completed") this.element.textContent = "The answer is complete.";
    else if (ENDED.has(status)) this.element.textContent = `${REASONS[reason] ?? "The answer was stopped"}.`;
  }
}
