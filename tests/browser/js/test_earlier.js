import { initial, reduce } from "/static/conversations/state.js";
import { equal, test } from "/tests/harness.js";

const play = (frames, state = initial) => frames.reduce(reduce, state);

test("older turns come before those that are there, each once", () => {
  const turns = (...names) => ({ responses: names.map((name) => ({ response_id: `resp_${name}`, status: "completed" })) });
  const state = play([{ type: "agentsite:snapshot", ...turns("c", "d"), has_more: true }, { type: "page.earlier", before: "resp_c", ...turns("a", "b", "c"), has_more: false }]);
  equal(state.turns.map(({ id }) => id), ["resp_a", "resp_b", "resp_c", "resp_d"]);
  equal(state.more, false);
});

test("who is back at the end keeps a bounded page", () => {
  const names = Array.from({ length: 200 }, (_, number) => ({ response_id: `resp_${number}`, status: "completed" }));
  const state = play([{ type: "agentsite:snapshot", responses: names, has_more: false }, { type: "page.trim" }]);
  equal([state.turns.length, state.turns.at(-1).id, state.more], [30, "resp_199", true]);
});

test("older turns are dropped where what they come before is not shown any more", () => {
  const names = Array.from({ length: 130 }, (_, number) => ({ response_id: `resp_${number + 40}`, status: "completed" }));
  const older = { type: "page.earlier", before: "resp_40", responses: [{ response_id: "resp_39", status: "completed" }] };
  const trimmed = play([{ type: "agentsite:snapshot", responses: names, has_more: true }, { type: "page.trim" }]);
  equal(trimmed.turns[0].id, "resp_140");
  equal(reduce(trimmed, older), trimmed);
});
