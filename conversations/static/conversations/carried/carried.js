// A conversation that this browser carries: the site keeps nothing of it between two messages.
//
// `storage` (localStorage) has the sealed state and what was said, under one name. A cookie of the
// same name only says that there was one, so that a cleared storage is told from a new beginning.
// Other tabs may see a cookie for a while after it is gone, so what was forgotten says so itself.

const DAYS = 30;
const FORGOTTEN = "null";

export class Refused extends Error {
  constructor({ code, message }, status) {
    super(message);
    Object.assign(this, { code, status });
  }
}

export class Carried {
  #name;
  #url;
  #headers;
  #storage;
  #kept;
  #isForgotten;

  constructor({ url, name = "agentsite-carried", headers = () => ({}), storage = localStorage }) {
    Object.assign(this, { said: [] });
    this.#name = name;
    this.#url = url;
    this.#headers = headers;
    this.#storage = storage;
    this.reread();
  }

  // "new": nothing was said yet; "kept": it goes on; "cleared": it was here, and is not any more.
  get status() {
    if (this.#kept) return "kept";
    return this.#wasHere() && !this.#isForgotten ? "cleared" : "new";
  }

  // Say something; `onText` hears the reply so far, `onCut` that it came to its greatest length. Nothing is kept but a reply with its new state.
  async send(text, { onText = () => {}, onCut = () => {} } = {}) {
    this.reread();
    if (this.status === "cleared") throw new Refused({ code: "cleared", message: CLEARED }, 0);
    const body = { message: text, stream: true, ...(this.#kept && { state: this.#kept.state }) };
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...this.#headers() },
      body: JSON.stringify(body),
    }).catch(() => {
      throw new Refused({ code: "unreachable", message: UNREACHABLE }, 0);
    });
    if (!response.ok) throw new Refused(await problem(response), response.status);
    const reply = await answered(response, onText);
    this.said.push({ role: "user", text }, { role: "agent", text: reply.text });
    this.#keep({ state: reply.state, said: this.said });
    if (reply.isCut) onCut();
    return reply.text;
  }

  // Forget it here, and with that everywhere.
  forget() {
    document.cookie = `${this.#name}=; max-age=0; path=/; samesite=strict`;
    const isHere = this.#storage.getItem(this.#name); // then there is room for a shorter one
    if (isHere) this.#storage.setItem(this.#name, FORGOTTEN); // last, because other tabs hear of it
    this.reread();
  }

  // What another tab may have said or forgotten meanwhile; not while `send` is under way.
  reread() {
    const found = this.#storage.getItem(this.#name);
    this.#isForgotten = found === FORGOTTEN;
    this.#kept = found ? JSON.parse(found) : null;
    this.said = this.#kept?.said ?? [];
  }

  #keep(kept) {
    this.#store(kept);
    this.#kept = kept;
    document.cookie = `${this.#name}=1; max-age=${DAYS * 86400}; path=/; samesite=strict`;
  }

  // Where the storage is full, what was said first makes room.
  #store(kept) {
    try {
      this.#storage.setItem(this.#name, JSON.stringify(kept));
    } catch (error) {
      if (!kept.said.length) throw error;
      kept.said.splice(0, Math.ceil(kept.said.length / 2));
      this.#store(kept);
    }
  }

  #wasHere() {
    return document.cookie.split("; ").includes(`${this.#name}=1`);
  }
}

export const CLEARED =
  "This conversation was kept in this browser only, and the browser's storage was cleared. It cannot be brought back.";

const UNREACHABLE = "The site cannot be reached; send it again.";

async function problem(response) {
  try {
    return (await response.json()).error;
  } catch {
    return { code: "server_error", message: `The site answered ${response.status}.` };
  }
}

// The reply's text and the new state, from server-sent events.
async function answered(response, onText) {
  let [text, state, isCut] = ["", null, false];
  for await (const event of events(response.body)) {
    if (event.type === "response.output_text.delta") onText((text += event.delta));
    else if (event.type === "agentsite:state") state = event.state;
    else if (event.type === "response.incomplete") isCut = true;
    else if (event.type === "error") throw new Refused(event, 0);
    else if (event.type === "response.failed") throw new Refused(event.response.error, 0);
  }
  if (!state) throw new Refused({ code: "cut_off", message: "The answer was cut off; send it again." }, 0);
  return { text, state, isCut };
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true })); // cut off
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = /^data: (.*)$/m.exec(part)?.[1];
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}
