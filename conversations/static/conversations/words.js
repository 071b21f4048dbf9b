// What people read when something goes wrong: one sentence for each code of docs/protocol.md.

const FAILURES = {
  provider_error: "The model could not answer.",
  provider_rate_limited: "The model is busy with too many requests. Try again in a moment.",
  provider_timeout: "The model took too long to answer.",
  provider_invalid_reply: "The model sent something that cannot be read.",
  context_too_long: "This conversation has become too long for the model. Begin a new one.",
  reply_too_long: "The answer became longer than it may.",
  tool_error: "A tool failed while the answer was being made.",
  worker_lost: "The answer was interrupted several times and was given up.",
  expired: "The answer was not made in time.",
  tool_name_taken: "A function of the request is called like a tool of the agent.",
  transcript_gone: "What was said here is not kept any more. Begin a new conversation.",
  server_error: "Something went wrong on the way to an answer.",
  too_large: "This message is too long to send.",
  rate_limited: "You are sending too fast. Wait a moment.",
  version_conflict: "The conversation has changed meanwhile. Look at it, then send again.",
  response_in_progress: "An answer is still being made. Please wait for it.",
  already_answered: "This question has been answered already.",
  not_found: "This conversation no longer exists.",
  foreign_origin: "This page was opened under an address that may not talk to the site.",
  not_logged_in: "You are logged out.",
  outdated: "This page is out of date. Reload it, then try again.",
  no_storage: "This browser keeps nothing for the next page. Open the new conversation in the list and write there.",
  offline: "The site cannot be reached. Try again.",
};

const KEPT = " What you sent waits here until it is taken.";

const CLOSINGS = {
  4401: FAILURES.not_logged_in,
  4403: FAILURES.foreign_origin,
  4404: FAILURES.not_found,
  4429: "Too many messages came from here in a short time.",
};

// The server knows more: which limit it was, how long the provider asks us to wait, who was not in time.
const EXACT = new Set(["rate_limited", "provider_rate_limited", "expired"]);

export const failure = ({ code, message } = {}) =>
  (EXACT.has(code) && message) || (FAILURES[code] ?? message ?? FAILURES.server_error);

// The server names a reason where a code has more than one.
// `unsent`: how many messages it has not taken, and would after a log-in, say.
export const closing = ({ code, reason }, unsent = 0) =>
  (reason || (CLOSINGS[code] ?? "The site closed the connection.")) + (unsent ? KEPT : "");

const FAULT = 1011; // close code: the site is there, and cannot do what it is asked

// `unsent`: how many messages it has not taken.
export function loss({ lost }, unsent) {
  if (!lost) return "Connecting to the site…";
  const words = lost === FAULT ? "The site has a fault at the moment. Trying again…" : "No connection to the site. Trying again…";
  return words + (unsent ? KEPT : "");
}

export const STATUS = {
  unsent: "Sending",
  queued: "Queued",
  cancelled: "Stopped",
  incomplete: "Stopped",
};

// Why an answer is incomplete that nobody stopped.
export const REASONS = {
  max_output_tokens: "Cut off: the answer came to its greatest length",
};

// How an answer ended that is not whole.
export const outcome = ({ status, reason }) => REASONS[reason] ?? STATUS[status];

const WAITS = {
  provider_busy: "Waiting for a place at the model's provider",
  provider_paused: "The model's provider has asked for a pause",
  provider_down: "The model does not answer; it will be tried again",
};

export const waiting = ({ reason, seconds }) =>
  `${WAITS[reason] ?? "Waiting for the model"}${seconds > 1 ? `, about ${seconds} s` : ""}`;
