import { answered } from "/static/conversations/responses.js";
import { TurnView } from "/static/conversations/turn.js";
import { equal, ok, test } from "/tests/harness.js";

const shown = (change) => {
  const view = new TurnView(() => {});
  view.update({ ...answered("resp_a"), status: "in_progress", ...change });
  return view.element;
};
const call = { id: "fc_a_0", type: "function_call", call_id: "call_a_0", name: "read", arguments: "{}", status: "completed" };
const state = (element) => element.querySelector(".tool .state").textContent;

test("a turn that waits for the provider says why and how long", () => {
  const words = shown({ waits: { reason: "provider_busy", seconds: 12 } }).querySelector(".under").textContent;
  ok(words.startsWith("Waiting for a place at the model's provider, about 12 s"));
});

test("a call shows how far it has come until it has a result", () => {
  const progress = { call_a_0: { fraction: 0.4, message: "reading page 4" } };
  equal(state(shown({ items: [call], progress })), "40 % · reading page 4");
  const result = { id: "fco_a_1", type: "function_call_output", call_id: "call_a_0", output: "read" };
  equal(state(shown({ items: [call, result], progress })), "");
});

test("a call that knows no fraction shows its words", () => {
  equal(state(shown({ items: [call], progress: { call_a_0: { fraction: null, message: "<b>asking" } } })), "<b>asking");
});

test("a call is told as going on until it has a result", () => {
  const summary = (items) => shown({ items }).querySelector(".tool summary").textContent;
  const result = { id: "fco_a_1", type: "function_call_output", call_id: "call_a_0", output: "read" };
  ok(summary([call]).startsWith("Uses read"));
  ok(summary([call, result]).startsWith("Used read"));
});

test("a call that a person refused was not made", () => {
  const refused = { id: "fco_a_1", type: "function_call_output", call_id: "call_a_0", output: "No.", status: "incomplete" };
  const element = shown({ items: [call, refused] });
  ok(element.querySelector(".tool summary").textContent.startsWith("Wanted to use read"));
  equal([state(element), element.querySelector(".tool .inside").textContent.endsWith("No.")], ["not made", true]);
});

test("a call of a turn that ended without its result does not go on", () => {
  for (const status of ["failed", "incomplete", "cancelled"]) {
    const element = shown({ status, items: [call] });
    ok(element.querySelector(".tool summary").textContent.startsWith("Wanted to use read"), status);
    equal([state(element), element.querySelector(".tool").dataset.state], ["no result", "done"]);
  }
  ok(shown({ status: "completed", items: [call] }).querySelector(".tool summary").textContent.startsWith("Uses read")); // a program may answer
});

test("an item that was lost with its log is not shown any more", () => {
  const view = new TurnView(() => {});
  const turn = { ...answered("resp_a"), status: "in_progress" };
  view.update({ ...turn, items: [call] });
  view.update({ ...turn, items: [{ id: "msg_a_0", type: "message", status: "in_progress", text: "Again" }] });
  equal(view.element.querySelector(".answer").textContent.trim(), "Again");
});

test("an answer that came to its greatest length says so, and stays", () => {
  const items = [{ id: "msg_a_0", type: "message", status: "incomplete", text: "Half a" }];
  const element = shown({ items, status: "incomplete", reason: "max_output_tokens" });
  equal(element.querySelector(".answer").textContent.trim(), "Half a");
  ok(element.querySelector(".under").textContent.startsWith("Cut off: the answer came to its greatest length"));
  ok(shown({ items, status: "incomplete", reason: "steered" }).querySelector(".under").textContent.startsWith("Stopped"));
});

test("nothing stands under what was said elsewhere and nobody was to answer", () => {
  const isHidden = (change) => shown({ input: "Hi", ...change }).querySelector(".theirs").hidden;
  equal(isHidden({ status: "completed" }), true);
  equal(isHidden({ status: "completed", worker: "w-1" }), false);
  equal(isHidden({ status: "cancelled" }), false);
});

test("what is not sent yet can be discarded", () => {
  equal(shown({ status: "unsent", input: "Hi" }).querySelector(".fate [data-verb]").dataset.verb, "discard");
});

test("only what has words can be sent again", () => {
  const buttons = (change) => [...shown(change).querySelectorAll("[data-verb]")].map((one) => one.textContent);
  const failed = { status: "failed", error: { code: "provider_error" } };
  equal(buttons({ ...failed, input: "Well?" }), ["Edit", "Try again"]);
  equal([null, "", " \n"].flatMap((input) => buttons({ ...failed, input })), ["Edit", "Edit", "Edit"]);
  equal([null, ""].flatMap((input) => buttons({ status: "completed", input })), ["Edit", "Edit"]);
  equal(buttons({ status: "refused", error: { code: "invalid_value" }, input: "" }), ["Edit", "Discard"]);
});
