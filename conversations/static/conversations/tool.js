// A tool call as one quiet line that opens to show what went in and what came out.

import { make } from "./make.js";

export function tool() {
  const name = make("code");
  const state = make("span", { className: "state" });
  const input = make("pre");
  const output = make("pre");
  const body = make("div", { className: "inside" }, make("span", { textContent: "Asked with" }), input, make("span", { textContent: "Answered" }), output);
  const element = make("details", { className: "tool" }, make("summary", {}, "Used ", name, " ", state), body);
  const update = (item, { final, output: result }) => {
    name.textContent = item.name;
    input.textContent = pretty(item.arguments);
    output.textContent = result ? pretty(result.output) : "";
    state.textContent = stateOf(item, { final, result });
    element.dataset.state = result ? "done" : "open";
  };
  return { element, update };
}

function stateOf(item, { final, result }) {
  if (result) return "";
  return item.status === "incomplete" || (final && item.status === "in_progress") ? "interrupted" : "…";
}

function pretty(value) {
  if (typeof value !== "string") return JSON.stringify(value, null, 2) ?? "";
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value;
  }
}
