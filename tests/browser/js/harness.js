// Tests by name; the Python side runs one at a time on a fresh page.

globalThis.tests ??= new Map();
export const test = (name, deed) => globalThis.tests.set(name, deed);

export function equal(actual, expected) {
  const [have, want] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (have !== want) throw new Error(`expected ${want}, got ${have}`);
}

export function ok(value, words) {
  if (!value) throw new Error(words ?? `expected something true, got ${value}`);
}

// A response's events as the server sends them, numbered from 0.
export function events(turn, ...bodies) {
  return bodies.map((body, sequence_number) => ({ response_id: `resp_${turn}`, sequence_number, ...body }));
}

export const created = { type: "response.created", response: { status: "queued" } };
export const queued = { type: "response.queued", response: { status: "queued" } };
export const progress = { type: "response.in_progress", response: { status: "in_progress" } };
export const added = (index = 0, turn = "a") => ({
  type: "response.output_item.added",
  output_index: index,
  item: { id: `msg_${turn}_${index}`, type: "message", role: "assistant", status: "in_progress", content: [] },
});
export const part = { type: "response.content_part.added", output_index: 0, content_index: 0 };
export const delta = (text, offset, index = 0) => ({
  type: "response.output_text.delta",
  output_index: index,
  delta: text,
  agentsite_offset: offset,
});
export const done = (text, { status = "completed", index = 0, turn = "a" } = {}) => ({
  type: "response.output_item.done",
  output_index: index,
  item: { id: `msg_${turn}_${index}`, type: "message", role: "assistant", status, content: [{ type: "output_text", text }] },
});
export const ending = (kind, response = {}) => ({ type: `response.${kind}`, response: { status: kind, ...response } });
