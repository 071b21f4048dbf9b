// One turn as nodes: what was asked, what came back, how it ended. `update` touches only what changed.

import { make } from "./make.js";
import { Prose } from "./prose.js";
import { ENDED, UNFINISHED } from "./state.js";
import { tool } from "./tool.js";
import { failure, outcome, STATUS, waiting } from "./words.js";

const button = (text, verb) => make("button", { type: "button", className: "quiet", textContent: text, dataset: { verb } });

const BEFORE = new Set(["unsent", "refused", "queued"]);

// An incomplete text with another after it is that of an attempt that died.
function isSuperseded(item, items) {
  const isLast = items.findLast(({ type }) => type === "message") === item;
  return item.type === "message" && item.status === "incomplete" && !isLast;
}

// What a reader takes away of an answer, as Markdown.
export function textOf({ items }) {
  const there = items.filter((item) => item?.text);
  return there.filter((item) => !isSuperseded(item, there)).map(({ text }) => text.trim()).join("\n\n");
}

export class TurnView {
  constructor(near) {
    this.near = near; // runs a function once its node comes near the screen
    this.views = new Map(); // item id -> {element, update}
    this.bubble = make("div", { className: "bubble", dir: "auto" });
    this.fate = make("div", { className: "fate" });
    const edit = button("Edit", "edit");
    edit.classList.add("edit");
    this.mine = make("div", { className: "mine" }, make("h2", { className: "hidden", textContent: "You" }), this.bubble, edit, this.fate);
    this.answer = make("div", { className: "answer" });
    this.foot = make("div", { className: "under" });
    const heading = make("h2", { className: "hidden", textContent: "Answer" });
    this.theirs = make("div", { className: "theirs" }, heading, this.answer, this.foot);
    this.element = make("article", { className: "turn" }, this.mine, this.theirs);
  }

  update(turn) {
    if (turn === this.turn) return;
    this.turn = turn;
    this.element.dataset.id = turn.id;
    this.element.dataset.status = turn.status;
    this.mine.hidden = turn.input === null;
    if (this.bubble.textContent !== turn.input) this.bubble.textContent = turn.input;
    this.fate.replaceChildren(...fate(turn));
    this.theirs.hidden = !turn.items.length && (BEFORE.has(turn.status) || wasEntered(turn));
    this.showItems(turn);
    this.showFoot(turn);
  }

  showItems(turn) {
    const outputs = new Map();
    for (const item of turn.items) if (item?.type === "function_call_output") outputs.set(item.call_id, item);
    const shown = turn.items.filter((item) => item?.type === "message" || item?.type === "function_call");
    shown.forEach((item, place) => this.showItem(item, place, outputs.get(item.call_id)));
    for (const item of shown) if (isSuperseded(item, shown)) this.views.get(item.id).fold();
    this.forget(new Set(shown.map(({ id }) => id)));
  }

  // What a dead attempt had begun is gone where its log was lost with it.
  forget(kept) {
    for (const [id, { element }] of this.views) {
      if (kept.has(id)) continue;
      element.remove();
      this.views.delete(id);
    }
  }

  showItem(item, place, output) {
    let view = this.views.get(item.id);
    if (!view) this.views.set(item.id, (view = item.type === "message" ? this.prose() : tool()));
    const final = item.status !== "in_progress" || ENDED.has(this.turn.status);
    const asks = this.turn.asked.find(({ call_id }) => call_id === item.call_id);
    const progress = this.turn.progress[item.call_id];
    view.update(item, { final, output, asks, progress, over: UNFINISHED.has(this.turn.status) });
    if (this.answer.children[place] !== view.element) this.answer.insertBefore(view.element, this.answer.children[place] ?? null);
  }

  // What was finished before we came is plain text until it comes near the screen.
  prose() {
    const prose = new Prose();
    const old = ENDED.has(this.turn.status);
    let ready = !old;
    const update = (item, { final }) => {
      if (ready) return prose.show(item.text, { final });
      prose.element.classList.add("plain");
      prose.element.textContent = item.text;
      this.near(prose.element, () => {
        ready = true;
        prose.element.classList.remove("plain");
        prose.clear();
        prose.show(item.text, { final: true });
      });
    };
    const element = make("div", { className: "item" }, prose.element);
    return { element, update, fold: () => folded(element, prose.element) };
  }

  showFoot(turn) {
    const shape = [turn.status, turn.error?.code, turn.worker, turn.attempt, turn.asked.length, turn.expires, turn.notices.length, turn.waits?.reason, turn.waits?.seconds, Boolean(turn.items.length), hasWords(turn), turn.retried].join("|");
    if (shape === this.shape) return;
    this.shape = shape;
    const told = turn.notices.map((textContent) => make("span", { className: "told", textContent }));
    this.foot.replaceChildren(...told, ...under(turn));
  }
}

// What a dead attempt had said is kept, but out of the way: the answer after it begins anew.
function folded(element, prose) {
  if (prose.parentElement !== element) return;
  const summary = make("summary", { textContent: "Interrupted, and begun again" });
  element.replaceChildren(make("details", { className: "interrupted" }, summary, prose));
}

// What was said elsewhere and entered here: no worker was asked.
const wasEntered = ({ status, worker }) => status === "completed" && !worker;
// Only words can be sent again: what a program sent may have none.
const hasWords = ({ input }) => Boolean(input?.trim());
const problem = ({ error }) => make("span", { className: "problem", textContent: failure(error ?? undefined) });
const anotherTry = (turn) => (hasWords(turn) && !turn.retried ? [button("Try again", "retry")] : []);

// Under what was asked: whether it has arrived.
function fate(turn) {
  if (turn.status === "unsent") return [STATUS.unsent, button("Discard", "discard")];
  if (turn.status === "queued") return [STATUS.queued, button("Cancel", "cancel")];
  if (turn.status !== "refused") return [];
  return [problem(turn), ...anotherTry(turn), button("Discard", "discard")];
}

// Under the answer: what goes on, or how it ended and who made it.
function under(turn) {
  if (turn.status === "in_progress") return going(turn);
  if (!ENDED.has(turn.status)) return [];
  const parts = [];
  if (turn.status === "failed") parts.push(problem(turn), ...anotherTry(turn));
  else if (outcome(turn)) parts.push(make("span", { textContent: outcome(turn) }));
  if (turn.items.some((item) => item?.text)) parts.push(button("Copy", "copy-answer"));
  if (turn.status !== "failed" && hasWords(turn)) parts.push(button("Regenerate", "regenerate"));
  if (turn.worker) parts.push(make("span", { className: "worker", textContent: turn.worker }));
  return parts;
}

function untilWhen({ expires }) {
  const when = { weekday: "short", hour: "numeric", minute: "2-digit" };
  return expires ? `Waits for an answer until ${new Date(expires * 1000).toLocaleString([], when)}` : "Waits for an answer";
}

function going(turn) {
  if (turn.asked.length) return [make("span", { textContent: untilWhen(turn) }), make("span", { className: "worker", textContent: turn.worker })];
  const again = turn.attempt > 1 ? "Interrupted; another worker goes on" : "";
  const words = turn.waits ? waiting(turn.waits) : again;
  const dots = make("span", { className: "dots" }, make("i"), make("i"), make("i"));
  const worker = make("span", { className: "worker", textContent: turn.worker });
  return [dots, make("span", { textContent: words }), worker];
}
