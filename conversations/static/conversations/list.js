// The list of conversations: rename and delete in dialogs, kept current. On narrow screens it is a popover.

import * as find from "./find.js";
import { failure } from "./words.js";

const list = document.getElementById("list");
const drawer = document.getElementById("drawer");
const { conversation, login } = document.body.dataset;
const tabs = new BroadcastChannel("agentsite:list");
let pages = 1; // that are shown
let asked = 0; // how often the list was asked for
let shown = 0; // which of these answers is shown

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

// To a conversation that was made, where its page finds what was kept for it. The problem in words
// where the browser keeps nothing: then the list leads there.
export function enter({ url }, isKept) {
  if (isKept) location.assign(url);
  else refresh();
  return isKept ? null : failure({ code: "no_storage" });
}

// As many pages as are shown. An answer that comes after one to a later question is old.
export async function refresh() {
  const mine = (asked += 1);
  const fresh = await piece(find.narrowed(list.dataset.url));
  if (!fresh) return;
  for (let page = 1; page < pages; page += 1) {
    const button = fresh.querySelector('[data-verb="older"]');
    if (button && !(await extend(button))) return;
  }
  if (mine < shown) return;
  shown = mine;
  const refocus = held();
  list.replaceChildren(fresh);
  mark();
  refocus();
}

// Gives the focus back to what has it now, or to what stands in its place.
function held() {
  const { activeElement } = document;
  if (!list.contains(activeElement)) return () => {};
  const place = [...list.children].indexOf(activeElement.closest("li"));
  return () => {
    (again(activeElement) ?? first(list.children[Math.min(place, list.children.length - 1)]))?.focus();
  };
}

const first = (row) => row?.querySelector("a, button");
const nameOf = (element) => element.dataset.url ?? element.href;
const again = (element) => [...list.querySelectorAll("a, button")].find((one) => nameOf(one) === nameOf(element));

// After other words are looked for.
async function narrow() {
  pages = 1;
  await refresh();
  const count = list.querySelectorAll("[data-id]").length;
  const more = list.querySelector(".more") ? " or more" : "";
  document.getElementById("found").textContent = find.words() && `${count}${more} found`;
}

// A page of the list as nodes, or null where it cannot be had.
async function piece(url) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) return null;
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  return holder.content;
}

// Puts the older rows in the place of the button that asks for them. The first of them, or null where
// they cannot be had.
async function extend(button) {
  const rows = await piece(button.dataset.url);
  const row = rows?.firstElementChild ?? null;
  if (rows) button.closest("li").replaceWith(rows);
  return row;
}

// The conversation that was written to comes first, as the server has it. One without a title has it now.
export function rise() {
  const row = list.querySelector(`[data-id="${conversation}"]`);
  if (!row?.querySelector("a").title) refresh();
  else if (row !== list.firstElementChild) list.prepend(row);
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
  const isHeld = button === document.activeElement; // who goes by keys, goes on where they were
  button.disabled = true;
  const row = await extend(button);
  if (row) pages += 1;
  else button.textContent = failure({ code: "offline" });
  button.disabled = false;
  if (isHeld) (first(row) ?? button).focus();
}

function ask(button) {
  const dialog = document.getElementById(button.dataset.verb);
  const form = dialog.querySelector("form");
  const title = button.closest("li").querySelector("a").textContent;
  form.action = button.dataset.url;
  form.querySelector(".problem").hidden = true;
  if (form.elements.title) form.elements.title.value = title;
  dialog.querySelector("[data-title]")?.replaceChildren(title);
  const wasOpen = drawerIsOpen(); // a dialog closes it
  dialog.addEventListener("close", () => back(button, wasOpen), { once: true });
  dialog.showModal();
  form.elements.title?.select();
}

// To where the dialog was asked for, in a list that may have been read again meanwhile.
function back(button, wasOpen) {
  if (wasOpen) drawer.showPopover();
  again(button)?.focus();
}

async function decide(event) {
  event.preventDefault();
  const form = event.target;
  const dialog = form.closest("dialog");
  const { problem } = await post(form.action, form);
  if (problem) return Object.assign(form.querySelector(".problem"), { textContent: problem, hidden: false });
  dialog.close();
  tabs.postMessage("changed");
  if (dialog.id === "delete" && form.action.includes(conversation || "none")) return location.replace("/");
  await refresh();
}

function clicked({ target }) {
  const button = target.closest("[data-verb]");
  if (button?.dataset.verb === "older") older(button);
  else if (button) ask(button);
}

export function start() {
  list.addEventListener("click", clicked);
  find.start({
    changed: narrow,
    enter: () => list.querySelector("[data-id] a")?.click(),
    show: () => drawer.checkVisibility() || drawer.showPopover(),
  });
  tabs.addEventListener("message", () => document.hidden || refresh()); // else when it is looked at
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  matchMedia("(width > 760px)").addEventListener("change", ({ matches }) => matches && drawer.hidePopover());
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("submit", decide);
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  }
}
