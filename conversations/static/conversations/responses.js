// One answer as its events build it. Every text is proven whole: numbers follow each other and
// each delta says how many characters come before it. `null` means that something is missing.

const PLACE = /_(\d+)$/; // an item's id ends with its output_index
const ALL = Number.MAX_SAFE_INTEGER; // `seen` of an answer whose every event is known

export function answered(id) {
  return {
    id,
    key: null, // the idempotency key, of what was sent from here
    retried: null, // the key under which it was sent again, after it failed
    input: null, // what the person wrote; null: not known
    status: "queued",
    seen: -1, // number of the last event
    items: [],
    error: null,
    reason: null, // why it is incomplete
    notices: [], // what is to be known beside the answer
    asked: [], // calls that wait for somebody's answer
    expires: null, // when that is too late, in seconds since 1970
    worker: "",
    attempt: 1,
    waits: null, // {reason, seconds} while the model's provider has no place for it
    progress: {}, // by call_id, how far a tool has come: {fraction, message}
  };
}

export function follow(turn, event) {
  if (event.sequence_number <= turn.seen) return turn;
  if (event.sequence_number !== turn.seen + 1) return null;
  const change = CHANGES[event.type]?.(turn, event) ?? {};
  return change.broken ? null : { ...turn, ...change, seen: event.sequence_number };
}

const BROKEN = { broken: true };

const CHANGES = {
  "response.created": (turn, { response }) => ({ status: response?.status ?? "queued" }),
  "response.queued": () => ({ status: "queued" }),
  "response.in_progress": () => ({ status: "in_progress" }),
  "response.output_item.added": (turn, { output_index, item }) => ({ ...put(turn, output_index, shown(item)), waits: null }),
  "response.output_item.done": (turn, { output_index, item }) => finished(turn, output_index, shown(item)),
  "response.output_text.delta": lengthened,
  "response.output_text.done": (turn, { output_index, text }) =>
    turn.items[output_index]?.text === text ? {} : BROKEN,
  "response.function_call_arguments.delta": (turn, { output_index, delta }) =>
    put(turn, output_index, { arguments: (turn.items[output_index]?.arguments ?? "") + delta }),
  "response.function_call_arguments.done": (turn, event) =>
    put(turn, event.output_index, { arguments: event.arguments }),
  "response.completed": ended,
  "response.failed": ended,
  "response.incomplete": ended,
};

function put(turn, index, change) {
  const items = [...turn.items];
  items[index] = { ...items[index], ...change };
  return { items };
}

function lengthened(turn, { output_index, delta, agentsite_offset }) {
  const item = turn.items[output_index];
  if (!item || (agentsite_offset ?? item.length) !== item.length) return BROKEN;
  return put(turn, output_index, { text: item.text + delta, length: item.length + characters(delta) });
}

function finished(turn, index, item) {
  const before = turn.items[index];
  if (before?.type === "message" && before.text !== item.text) return BROKEN;
  return put(turn, index, item);
}

function ended(turn, { type, response }) {
  return { status: type.slice("response.".length), error: response?.error ?? null, reason: reasonOf(response), asked: [] };
}

export const reasonOf = (response) => response?.incomplete_details?.reason ?? null;

// JavaScript counts UTF-16 units, the server characters.
export function characters(text) {
  let count = text.length;
  for (const unit of text) if (unit.length > 1) count -= 1;
  return count;
}

// An item as it is shown: of a message only its text.
function shown(item) {
  if (item.type !== "message") return item;
  const text = textOf([item]);
  return { id: item.id, type: "message", status: item.status, text, length: characters(text) };
}

export function textOf(items) {
  return items.map(({ content = [] }) => (typeof content === "string" ? content : content.map((part) => part.text ?? "").join(""))).join("\n");
}

// Items in the places of their output_index.
export function itemsOf(output) {
  const items = [];
  for (const item of output) items[PLACE.exec(item.id)?.[1] ?? items.length] = shown(item);
  return items;
}

// Items by the response that they belong to.
function parted(items) {
  const parts = new Map();
  for (const { response_id } of items) parts.set(response_id, []);
  for (const item of items) parts.get(item.response_id).push(item);
  return parts;
}

// The turns of a snapshot that have ended.
export function told(items, responses) {
  const parts = parted(items);
  const turns = responses.map((response) => {
    const { response_id, status, error, notices = [], worker, attempt, sequence_number = ALL } = response;
    const [asked, came] = halves(parts.get(response_id) ?? []);
    const input = asked.length ? textOf(asked) : null;
    const ending = { status, error: error ?? null, reason: reasonOf(response), notices };
    const by = { worker: worker ?? "", attempt: attempt ?? 1 };
    return { ...answered(response_id), ...ending, ...by, seen: sequence_number, input, items: itemsOf(came) };
  });
  return returned(turns, items.filter(isInput));
}

// What a program sent for its functions is shown with their calls, whose turns have ended.
export function returned(turns, input) {
  const outputs = input.filter(({ type }) => type === "function_call_output");
  return outputs.length ? turns.map((turn) => joined(turn, outputs)) : turns;
}

function joined(turn, outputs) {
  const called = new Set(turn.items.map((item) => item?.type === "function_call" && item.call_id));
  const own = outputs.filter(({ call_id }) => called.has(call_id));
  return own.length ? { ...turn, items: [...turn.items, ...own] } : turn;
}

// What an agent said or called elsewhere, and what was sent along, is shown like an answer of its own.
const isAgents = ({ type, role }) => type === "function_call" || role === "assistant";
// What a program sent for a function that it offered is no person's text.
const isInput = (item) => !isAgents(item) && (item.type === "message" || /_in(_\d+)?$/.test(item.id));

function halves(items) {
  const asked = items.filter((item) => isInput(item) && item.type === "message");
  return [asked, items.filter((item) => !isInput(item))];
}
