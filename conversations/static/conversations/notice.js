// The line above the field and the quiet one at the top: connection and errors in words.

import { closing, failure } from "./words.js";
import { make } from "./make.js";

const CALM = 1500; // milliseconds: a shorter loss is not worth a word

export class Notice {
  constructor({ line, whereabouts, login, again }) {
    Object.assign(this, { line, whereabouts, login, again, timer: null });
  }

  show({ connection, notice, replica }) {
    this.whereabouts.dataset.phase = connection.phase;
    this.whereabouts.textContent = connection.phase === "open" && replica ? `via ${replica}` : "";
    const isLost = ["connecting", "waiting"].includes(connection.phase) && !notice;
    if (isLost) this.timer ??= setTimeout(() => this.say("No connection to the site. Trying again…"), CALM);
    else this.calm();
    if (connection.phase === "refused") this.say(closing(connection), this.mend(connection.code));
    else if (notice) this.say(failure(notice));
    else if (!isLost) this.hush();
  }

  // Other words are due than those that the loss would bring.
  calm() {
    clearTimeout(this.timer);
    this.timer = null;
  }

  mend(code) {
    if (code === 4401) {
      const next = `${this.login}?next=${encodeURIComponent(location.pathname)}`;
      return make("a", { href: next, textContent: "Log in" });
    }
    if (code !== 4429) return "";
    return make("button", { type: "button", className: "quiet", textContent: "Connect again", onclick: this.again });
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
