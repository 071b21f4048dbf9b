// The page of a conversation that this browser carries. Text is shown as text, never as HTML.

import { CLEARED, Carried } from "./carried.js";

const byId = (id) => document.getElementById(id);
const { url, user } = document.body.dataset;
const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
const name = `agentsite-carried-${user}`;
const chat = new Carried({
  url,
  name,
  headers: () => ({ "X-CSRFToken": token }),
});

function line(role, text = "") {
  const item = document.createElement("li");
  item.className = role;
  item.textContent = text;
  byId("said").append(item);
  return item;
}

function notice(words) {
  byId("notice").textContent = words;
  byId("notice").hidden = !words;
}

function show() {
  byId("said").replaceChildren();
  for (const { role, text } of chat.said) line(role, text);
  notice(chat.status === "cleared" ? CLEARED : "");
}

function follow() {
  chat.reread();
  show();
}

// Cleared, or moved on, in another tab. While an answer comes here, it is shown, and then kept.
function stored({ key }) {
  const isOurs = key === null || key === name;
  if (isOurs && !byId("form").inert) follow();
}

async function send(text) {
  byId("form").inert = true;
  byId("said").ariaBusy = "true"; // who listens hears the answer once it is whole
  notice("");
  line("user", text);
  const reply = line("agent");
  try {
    const onCut = () => notice("The answer was cut off: it came to its greatest length.");
    await chat.send(text, { onText: (so) => (reply.textContent = so), onCut });
    byId("text").value = "";
  } catch (error) {
    follow(); // without what came of it, and with what another tab has said meanwhile
    notice(error.message);
  }
  byId("form").inert = false;
  byId("said").ariaBusy = "false";
  byId("text").focus();
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send(byId("text").value);
});
byId("forget").addEventListener("click", () => {
  chat.forget();
  show();
});
addEventListener("storage", stored);
show();
if (byId("form").dataset.early) byId("form").requestSubmit();
