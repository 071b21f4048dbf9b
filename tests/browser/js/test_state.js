import { cursor, initial, outbox, reduce, running } from "/static/conversations/state.js";
import { added, created, delta, done, ending, equal, events, ok, part, progress, queued, test } from "/tests/harness.js";

const play = (frames, state = initial) => frames.reduce(reduce, state);
const begin = [created, queued, progress, added(), part];
const texts = (state) => state.turns.map((turn) => turn.items.map((item) => item?.text).join(""));
const sent = (key, text = key) => ({ type: "page.send", key, text });
const accepted = (key, turn) => ({ type: "agentsite:accepted", idempotency_key: key, response_id: `resp_${turn}`, position: 0 });

test("deltas make the text", () => {
  const state = play(events("a", ...begin, delta("Hel", 0), delta("lo", 3), done("Hello"), ending("completed")));
  equal(texts(state), ["Hello"]);
  equal(state.turns[0].status, "completed");
});

test("why an answer is incomplete is known, from its last event and from a snapshot", () => {
  const why = { incomplete_details: { reason: "max_output_tokens" } };
  const live = play(events("a", ...begin, delta("Hel", 0), done("Hel", { status: "incomplete" }), ending("incomplete", why)));
  const responses = [{ response_id: "resp_a", status: "incomplete", ...why }];
  const later = reduce(initial, { type: "agentsite:snapshot", items: [], responses });
  equal([live, later].map(({ turns: [{ status, reason }] }) => [status, reason]), [["incomplete", "max_output_tokens"], ["incomplete", "max_output_tokens"]]);
});

test("an event that was seen is dropped", () => {
  const frames = events("a", ...begin, delta("Hel", 0), delta("lo", 3));
  equal(texts(play([...frames, ...frames.slice(3)])), ["Hello"]);
});

test("a missing event tears the state until a snapshot mends it", () => {
  const frames = events("a", ...begin, delta("Hel", 0), delta("lo", 3), delta("!", 5));
  const torn = play(frames.toSpliced(6, 1));
  ok(torn.torn);
  equal(cursor(torn), null);
  const active = [{ response_id: "resp_a", status: "in_progress", sequence_number: 7, output: [done("Hello!").item] }];
  const mended = reduce(torn, { type: "agentsite:snapshot", active });
  equal([mended.torn, texts(mended)], [false, ["Hello!"]]);
});

test("an offset that does not fit tears the state", () => {
  ok(play(events("a", ...begin, delta("Hel", 0), delta("lo", 4))).torn);
});

test("offsets count characters, not UTF-16 units", () => {
  const state = play(events("a", ...begin, delta("👩‍🚀🌧", 0), delta("x", 4)));
  equal([state.torn, texts(state)], [false, ["👩‍🚀🌧x"]]);
});

test("a finished text that differs from its deltas tears the state", () => {
  ok(play(events("a", ...begin, delta("Hel", 0), done("Hello"))).torn);
});

test("what is sent waits at the end until it is accepted", () => {
  const state = play([sent("k1"), sent("k2"), ...events("b", created, queued)]);
  equal(state.turns.map(({ id }) => id), ["resp_b", "local_k1", "local_k2"]);
  equal(outbox(state).map(({ key }) => key), ["k1", "k2"]);
});

test("an accepted message keeps its text and loses its place in the outbox", () => {
  const state = play([sent("k1", "Good day"), accepted("k1", "a")]);
  equal([state.turns.length, state.turns[0].id, state.turns[0].input], [1, "resp_a", "Good day"]);
  equal(outbox(state), []);
});

test("events that come before the acknowledgement join the message that was sent", () => {
  const state = play([sent("k1", "Hi"), ...events("a", ...begin, delta("Yes", 0)), accepted("k1", "a")]);
  equal([state.turns.length, state.turns[0].input, texts(state)], [1, "Hi", ["Yes"]]);
});

test("an acknowledgement that comes twice changes nothing", () => {
  const once = play([sent("k1"), accepted("k1", "a"), ...events("a", ...begin)]);
  equal(reduce(once, accepted("k1", "a")), once);
});

test("a turn that begins to run comes before those that wait", () => {
  const state = play([...events("b", created, queued), ...events("a", created, queued, progress)]);
  equal(state.turns.map(({ id }) => id), ["resp_a", "resp_b"]);
});

test("a turn that begins to run stays before one that was cancelled while it waited", () => {
  const waiting = [...events("a", created, queued), ...events("b", created, queued, ending("incomplete"))];
  const state = play([...waiting, { ...progress, response_id: "resp_a", sequence_number: 2 }]);
  equal(state.turns.map(({ id }) => id), ["resp_a", "resp_b"]);
});

test("the cursor names the oldest answer that has not ended", () => {
  const state = play([
    ...events("a", created, queued, progress, ending("completed")),
    ...events("b", created, queued, progress),
    ...events("c", created, queued),
  ]);
  equal(cursor(state), { response_id: "resp_b", sequence_number: 2 });
});

test("the cursor names the last answer when all have ended", () => {
  const state = play(events("a", created, queued, progress, ending("completed")));
  equal(cursor(state), { response_id: "resp_a", sequence_number: 3 });
});

test("nothing known is no cursor", () => equal(cursor(play([sent("k1")])), null));

test("a snapshot shows every turn with its outcome", () => {
  const items = [
    { response_id: "resp_a", id: "msg_a_in", type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] },
    { response_id: "resp_a", ...done("Hello").item },
  ];
  const responses = [{ response_id: "resp_a", status: "failed", error: { code: "provider_error" }, worker: "w1", attempt: 1 }];
  const [turn] = reduce(initial, { type: "agentsite:snapshot", replica: "r1", items, responses, active: [] }).turns;
  equal([turn.input, turn.items[0].text, turn.status, turn.error.code, turn.worker], ["Hi", "Hello", "failed", "provider_error", "w1"]);
});

test("a snapshot keeps what is not acknowledged", () => {
  const state = play([sent("k1"), { type: "agentsite:snapshot", items: [], responses: [], active: [] }]);
  equal(outbox(state).map(({ key }) => key), ["k1"]);
});

test("events go on from the numbers of the snapshot", () => {
  const active = [{ response_id: "resp_a", status: "in_progress", sequence_number: 5, output: [{ ...added().item, content: [{ text: "Hel" }] }] }];
  const late = events("a", ...begin, delta("Hel", 0), delta("lo", 3));
  equal(texts(play([{ type: "agentsite:snapshot", active }, ...late])), ["Hello"]);
});

test("events of an ended turn of the snapshot are dropped", () => {
  const responses = [{ response_id: "resp_a", status: "completed" }];
  const state = play([{ type: "agentsite:snapshot", responses, items: [] }, ...events("a", ...begin, delta("x", 0))]);
  equal([state.torn, texts(state)], [false, [""]]);
});

test("another tab's message is shown with its text and its worker", () => {
  const input = { type: "agentsite:input", response_id: "resp_b", items: [{ content: [{ type: "input_text", text: "From there" }] }] };
  const worker = { type: "agentsite:worker", response_id: "resp_b", worker: "w2", attempt: 1 };
  const [turn] = play([input, ...events("b", created, queued), worker]).turns;
  equal([turn.input, turn.status, turn.worker], ["From there", "queued", "w2"]);
});

test("an error that names a key refuses that message", () => {
  const state = play([sent("k1"), sent("k2"), { type: "error", code: "rate_limited", message: "…", idempotency_key: "k2" }]);
  equal(state.turns.map(({ status }) => status), ["unsent", "refused"]);
  equal(outbox(state).map(({ key }) => key), ["k1"]);
});

const closed = (code, phase = "refused") => ({ type: "page.connection", phase, code });
const fates = (state) => state.turns.map(({ status, error }) => error?.code ?? status);

test("what is on its way into a conversation that is gone is refused, now and later", () => {
  equal(fates(play([sent("k1"), closed(4404), sent("k2")])), ["not_found", "not_found"]);
  equal(fates(play([sent("k1"), closed(4403)])), ["foreign_origin"]);
});

test("what another socket may take goes on waiting", () => {
  equal(fates(play([sent("k1"), closed(4401), sent("k2"), closed(1006, "waiting")])), ["unsent", "unsent"]);
  equal(fates(play([sent("k1"), closed(1009, "waiting"), sent("k2")])), ["too_large", "unsent"]);
});

test("an error that names nothing is a notice", () => {
  equal(play([{ type: "error", code: "invalid_json", message: "…" }]).notice.code, "invalid_json");
});

test("that the site cannot be reached is true until it is", () => {
  const open = { type: "page.connection", phase: "open" };
  equal(play([{ type: "error", code: "offline" }, { type: "page.connection", phase: "connecting" }]).notice.code, "offline");
  equal(play([{ type: "error", code: "offline" }, open]).notice, null);
  equal(play([{ type: "error", code: "too_large" }, open]).notice.code, "too_large");
});

test("a retry closes the partial text and opens the next item", () => {
  const again = [done("Hel", { status: "incomplete" }), added(1), delta("Hello", 0, 1)];
  const state = play(events("a", ...begin, delta("Hel", 0), ...again));
  equal(state.turns[0].items.map(({ text, status }) => [text, status]), [["Hel", "incomplete"], ["Hello", "in_progress"]]);
});

test("a tool call grows by its arguments and ends with them", () => {
  const call = { type: "response.output_item.added", output_index: 0, item: { id: "fc_a_0", type: "function_call", name: "add", arguments: "" } };
  const grown = [{ delta: '{"a"' }, { delta: ": 1}" }].map((more) => ({ type: "response.function_call_arguments.delta", output_index: 0, ...more }));
  const state = play(events("a", created, queued, progress, call, ...grown));
  equal(state.turns[0].items[0].arguments, '{"a": 1}');
  ok(running(state));
});

test("what is asked belongs to its turn until somebody answers", () => {
  const asked = { type: "agentsite:asked", response_id: "resp_a", expires: 9, calls: [{ call_id: "c", name: "pay" }] };
  const state = play([...events("a", created, queued, progress), asked]);
  equal([state.turns[0].asked.length, state.turns[0].expires], [1, 9]);
  equal(play([{ ...asked, calls: [], expires: null }], state).turns[0].asked, []);
  equal(play(events("a", created, queued, progress, ending("incomplete")).slice(3), state).turns[0].asked, []);
});

const waits = (reason, seconds) => ({ type: "agentsite:waiting", response_id: "resp_a", reason, seconds });

test("a turn waits for the provider until it is told otherwise, or speaks", () => {
  const waiting = play([...events("a", created, queued, progress), waits("provider_busy", 7)]);
  equal(waiting.turns[0].waits, { reason: "provider_busy", seconds: 7 });
  equal(reduce(waiting, waits(null, 0)).turns[0].waits, null);
  equal(play(events("a", created, queued, progress, added()).slice(3), waiting).turns[0].waits, null);
});

test("each call of a tool has come as far as it told last", () => {
  const told = (call_id, fraction) => ({ type: "agentsite:progress", response_id: "resp_a", call_id, fraction, message: "reading" });
  const state = play([...events("a", created, queued, progress), told("one", 0.2), told("two", 0.5), told("one", 0.4)]);
  equal(state.turns[0].progress, { one: { fraction: 0.4, message: "reading" }, two: { fraction: 0.5, message: "reading" } });
});

test("a failed turn that is asked again can be so once, unless that is discarded", () => {
  const failed = { type: "agentsite:snapshot", responses: [{ response_id: "resp_a", status: "failed" }] };
  const asked = play([failed, { ...sent("k1"), of: "resp_a" }]);
  equal(asked.turns[0].retried, "k1");
  equal(play([accepted("k1", "b"), failed], asked).turns[0].retried, "k1");
  equal(reduce(asked, { type: "page.forget", key: "k1" }).turns.map(({ retried }) => retried), [null]);
});

test("what came along from elsewhere is shown as whose it is", () => {
  const items = [
    { response_id: "resp_a", id: "msg_a_in", type: "message", role: "developer", content: "Be brief." },
    { response_id: "resp_b", id: "msg_b_in", type: "message", role: "assistant", content: "Sun" },
    { response_id: "resp_b", id: "fc_b_in_1", type: "function_call", call_id: "call_b_1", name: "look", arguments: "{}" },
    { response_id: "resp_c", id: "fco_c_in", type: "function_call_output", call_id: "call_b_1", output: "sun" },
  ];
  const responses = ["a", "b", "c"].map((turn) => ({ response_id: `resp_${turn}`, status: "completed" }));
  const state = reduce(initial, { type: "agentsite:snapshot", items, responses });
  equal(state.turns.map(({ input }) => input), ["Be brief.", null, null]);
  const kinds = ({ turns }) => turns.map((turn) => turn.items.map(({ type }) => type));
  equal(kinds(state), [[], ["message", "function_call", "function_call_output"], []]);
  const asking = reduce(initial, { type: "agentsite:snapshot", items: items.slice(0, 3), responses: responses.slice(0, 2) });
  equal(kinds(play([{ type: "agentsite:input", response_id: "resp_c", items: [items[3]] }], asking)), kinds(state));
});

test("what came long ago and is sent again does not stand at the end", () => {
  const shown = { type: "agentsite:snapshot", responses: ["b", "c"].map((turn) => ({ response_id: `resp_${turn}`, status: "completed" })) };
  const again = [sent("k1"), accepted("k1", "a"), ...events("a", ...begin, delta("Yes", 0))];
  const state = play([{ ...shown, has_more: true }, ...again]);
  equal([state.torn, state.turns.map(({ id }) => id), outbox(state)], [true, ["resp_b", "resp_c"], []]);
  equal(play([shown, ...again]).turns.map(({ id }) => id), ["resp_b", "resp_c", "resp_a"]); // nothing lies before
});

test("a turn that a program deleted goes", () => {
  const shown = { type: "agentsite:snapshot", responses: ["a", "b"].map((turn) => ({ response_id: `resp_${turn}`, status: "completed" })) };
  const state = play([shown, { type: "agentsite:deleted", response_id: "resp_b" }]);
  equal(state.turns.map(({ id }) => id), ["resp_a"]);
  equal(cursor(state).response_id, "resp_a");
});
