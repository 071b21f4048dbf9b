// A tool call as one quiet line that opens to show what went in and what came out. Where it asks for
// leave it is open, with two buttons.

import { make } from "./make.js";

export function tool() {
  const verb = make("span");
  const name = make("code");
  const state = make("span", { className: "state" });
  const input = make("pre");
  const output = make("pre");
  const answered = make("span", { textContent: "Answered" });
  const body = make("div", { className: "inside" }, make("span", { textContent: "Asked with" }), input, answered, output);
  const fold = make("details", {}, make("summary", {}, verb, " ", name, " ", state), body);
  const element = make("div", { className: "tool" }, fold);
  let question = null;
  const update = (item, { final, output: result, asks, progress, over }) => {
    const interrupted = !result && (item.status === "incomplete" || (final && item.status === "in_progress"));
    const dropped = over && !result && !interrupted; // whether it was made at all is not known here
    const refused = result?.status === "incomplete"; // or nobody answered: it was not made
    verb.textContent = asks ? "Asks to use" : dropped || refused ? "Wanted to use" : result || interrupted ? "Used" : "Uses";
    name.textContent = item.name;
    input.textContent = pretty(item.arguments);
    output.textContent = result ? pretty(result.output) : "";
    answered.hidden = output.hidden = !result;
    state.textContent = refused ? "not made" : asks || result ? "" : interrupted ? "interrupted" : dropped ? "no result" : comeTo(progress);
    element.dataset.state = asks ? "asks" : result || interrupted || dropped ? "done" : "open";
    if (Boolean(asks) === Boolean(question)) return;
    question?.remove();
    question = asks ? questionOf(asks) : null;
    fold.open = Boolean(asks);
    if (question) element.append(question);
  };
  return { element, update };
}

// What asks for a result gets it from a program; a person can only see that it waits.
function questionOf({ call_id, name, asks }) {
  if (asks !== "approval") return make("div", { className: "question", textContent: "Its result comes from outside." });
  const button = (textContent, verb, className) => {
    const made = make("button", { type: "button", className, textContent, dataset: { verb, call: call_id } });
    made.setAttribute("aria-label", `${textContent} the use of ${name}`);
    return made;
  };
  return make("div", { className: "question" }, button("Approve", "approve", "primary"), button("Refuse", "refuse", "plain"));
}

// "40 % · reading page 4"
function comeTo(progress) {
  if (!progress) return "…";
  const { fraction, message } = progress;
  const part = fraction === null ? "" : `${Math.round(100 * fraction)} %`;
  return [part, message].filter(Boolean).join(" · ") || "…";
}

function pretty(value) {
  if (typeof value !== "string") return JSON.stringify(value, null, 2) ?? "";
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
