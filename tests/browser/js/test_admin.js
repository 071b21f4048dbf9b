import { equal, ok, test } from "/tests/harness.js";

const SAID = "# Plan\n\n**Two** [steps](javascript:alert(1))\n\n<img src=x onerror='window.hit = 1'><script>window.hit = 1</script>";

async function read(part) {
  document.querySelector("main").append(part);
  await import("/static/conversations/admin.js");
  while (!part.matches(".is-read")) await new Promise(requestAnimationFrame);
}

test("what an agent said is read as Markdown, and nothing of it runs", async () => {
  const part = Object.assign(document.createElement("div"), { className: "part is-text", dir: "auto", textContent: SAID });
  await read(part);
  equal([part.querySelector("h1").textContent, part.querySelector("strong").textContent], ["Plan", "Two"]);
  equal(part.querySelector("h1").closest("[dir]"), null);
  ok(!part.querySelector("script, [onerror], [src], [href]"));
  equal(window.hit, undefined);
});

test("what others said stays as it is", async () => {
  const said = { className: "part is-user", textContent: "**Two**" };
  const [mine, agents] = [Object.assign(document.createElement("div"), said), document.createElement("div")];
  document.querySelector("main").append(mine);
  agents.className = "part is-text";
  await read(agents);
  equal(mine.innerHTML, "**Two**");
});
