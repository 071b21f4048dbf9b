// What the browser keeps between pages: drafts, and messages that are not acknowledged yet.

const { user, conversation } = document.body.dataset;
const PREFIX = "agentsite:";

function place(storage, name, of = conversation) {
  const key = `${PREFIX}${user}:${name}:${of || "new"}`;
  return {
    read: () => attempt(() => storage.getItem(key)) ?? "",
    write: (text) => attempt(() => kept(storage, key, text)) ?? false, // whether it is kept
  };
}

function kept(storage, key, text) {
  if (text) storage.setItem(key, text);
  else storage.removeItem(key);
  return true;
}

// Storage may be forbidden or full: the page works without it.
function attempt(deed) {
  try {
    return deed();
  } catch {
    return null;
  }
}

export const draft = (of = conversation) => place(localStorageOrNothing("localStorage"), "draft", of);

export function stash(of = conversation) {
  const kept = place(localStorageOrNothing("sessionStorage"), "unsent", of);
  return {
    read: () => attempt(() => JSON.parse(kept.read() || "[]")) ?? [],
    write: (messages) => kept.write(messages.length ? JSON.stringify(messages) : ""),
  };
}

function localStorageOrNothing(name) {
  return attempt(() => window[name]) ?? null;
}

// Nobody who uses this browser next shall find what was not sent.
export function forgetEverything() {
  for (const name of ["localStorage", "sessionStorage"]) {
    const storage = localStorageOrNothing(name);
    const keys = attempt(() => Object.keys(storage)) ?? [];
    for (const key of keys) if (key.startsWith(PREFIX)) attempt(() => storage.removeItem(key));
  }
}

// randomUUID is missing where the page is served without https from another machine.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
