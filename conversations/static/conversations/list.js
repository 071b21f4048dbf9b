// The list of conversations: rename and delete in dialogs, kept current. On narrow screens it is a popover.

import { failure } from "./words.js";

const list = document.getElementById("list");
const drawer = document.getElementById("drawer");
const { conversation, login } = document.body.dataset;
const tabs = new BroadcastChannel("agentsite:list");

export const drawerIsOpen = () => drawer.matches(":popover-open");

// Post a form; the error's words, or null when it went well.
export async function post(url, form, fields = {}) {
  const body = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  try {
    const response = await fetch(url, { method: "POST", body, redirect: "error" });
    if (response.status === 401) location.assign(login);
    if (isOutdated(response)) return { problem: failure({ code: "outdated" }) };
    const answer = response.status === 204 ? {} : await response.json();
    return response.ok ? { answer } : { problem: failure(answer.error) };
  } catch {
    return { problem: failure({ code: "offline" }) };
  }
}

// Another tab has logged in meanwhile: the token of this page's forms is not the site's any more.
const isOutdated = ({ status, headers }) => status === 403 && !headers.get("Content-Type")?.includes("json");

export async function refresh() {
  const response = await fetch(list.dataset.url).catch(() => null);
  if (!response?.ok) return;
  const html = await response.text();
  const focus = list.contains(document.activeElement) && nameOf(document.activeElement);
  list.innerHTML = html;
  mark();
  if (focus) [...list.querySelectorAll("a, button")].find((one) => nameOf(one) === focus)?.focus();
}

const nameOf = (element) => element.dataset.url ?? element.href;

// The conversation that was written to comes first, as the server has it.
export function rise() {
  const row = list.querySelector(`[data-id="${conversation}"]`);
  if (row && row === list.firstElementChild) return;
  if (row) list.prepend(row);
  else refresh();
  tabs.postMessage("changed");
}

function mark() {
  const link = list.querySelector(`[data-id="${conversation}"] a`);
  link?.setAttribute("aria-current", "page");
  if (!link) return;
  document.getElementById("heading").textContent = link.textContent;
  document.title = `${link.textContent} · Agentsite`;
}

async function older(button) {
  const response = await fetch(button.dataset.url).catch(() => null);
  if (!response?.ok) return;
  const row = button.closest("li");
  row.insertAdjacentHTML("beforebegin", await response.text());
  row.remove();
}

function ask(button) {
  const dialog = document.getElementById(button.dataset.verb);
  const form = dialog.querySelector("form");
  const title = button.closest("li").querySelector("a").textContent;
  form.action = button.dataset.url;
  form.querySelector(".problem").hidden = true;
  if (form.elements.title) form.elements.title.value = title;
  dialog.querySelector("[data-title]")?.replaceChildren(title);
  dialog.showModal();
  form.elements.title?.select();
}

async function decide(event) {
  event.preventDefault();
  const form = event.target;
  const dialog = form.closest("dialog");
  const { problem } = await post(form.action, form);
  if (problem) return Object.assign(form.querySelector(".problem"), { textContent: problem, hidden: false });
  dialog.close();
  tabs.postMessage("changed");
  if (dialog.id === "delete" && form.action.includes(conversation || "none")) return location.assign("/");
  await refresh();
}

function clicked({ target }) {
  const button = target.closest("[data-verb]");
  if (button?.dataset.verb === "older") older(button);
  else if (button) ask(button);
}

export function start() {
  list.addEventListener("click", clicked);
  tabs.addEventListener("message", refresh);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  matchMedia("(width > 760px)").addEventListener("change", ({ matches }) => matches && drawer.hidePopover());
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("submit", decide);
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  }
}
