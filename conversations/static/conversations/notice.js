// The line above the field and the quiet one at the top: connection and errors in words.

import { closing, failure, loss } from "./words.js";
import { make } from "./make.js";
import { outbox } from "./state.js";

const CALM = 1500; // milliseconds: a shorter loss is not worth a word
const UNDER_WAY = new Set(["connecting", "waiting"]);
const isAway = ({ phase, lost, told }) => UNDER_WAY.has(phase) || lost || (phase === "open" && !told);

const button = (textContent, onclick) => make("button", { type: "button", className: "quiet", textContent, onclick });

export class Notice {
  // `again` opens what was refused, `now` tries at once what would be tried after a while, `dismiss` has read it.
  constructor({ line, whereabouts, login, again, now, dismiss }) {
    Object.assign(this, { line, whereabouts, login, again, now, dismiss, timer: null, due: [], isLate: false });
  }

  show(state) {
    const { connection, notice, replica } = state;
    this.whereabouts.dataset.phase = connection.phase;
    this.whereabouts.textContent = connection.phase === "open" && replica ? `via ${replica}` : "";
    const isLost = isAway(connection) && !notice;
    if (isLost) this.complain(loss(connection, outbox(state).length), connection.lost);
    else this.calm();
    if (connection.phase === "refused") this.say(closing(connection, outbox(state).length), this.mend(connection.code));
    else if (notice) this.say(failure(notice), button("Dismiss", this.dismiss));
    else if (!isLost) this.hush();
  }

  complain(words, wasLost) {
    this.due = [words, wasLost ? button("Try now", this.now) : ""];
    if (this.isLate) this.tell();
    this.timer ??= setTimeout(() => this.tell(), CALM);
  }

  tell() {
    this.isLate = true;
    this.say(...this.due);
  }

  // Other words are due than those that the loss would bring.
  calm() {
    clearTimeout(this.timer);
    this.timer = null;
    this.isLate = false;
  }

  mend(code) {
    if (code === 4401) return make("a", { href: this.login, textContent: "Log in" });
    if (code !== 4429) return "";
    return button("Connect again", this.again);
  }

  say(words, ...more) {
    const shown = words + more.map((node) => node.textContent ?? "").join("");
    if (this.line.dataset.shown === shown) return;
    this.line.dataset.shown = shown;
    this.line.replaceChildren(words, " ", ...more);
    this.line.hidden = false;
  }

  hush() {
    delete this.line.dataset.shown;
    this.line.hidden = true;
  }
}
