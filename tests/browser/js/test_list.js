import { post } from "/static/conversations/list.js";
import { equal, test } from "/tests/harness.js";

const problem = async (status, body, type) => {
  globalThis.fetch = async () => new Response(body, { status, headers: { "Content-Type": type } });
  return (await post("/fork/", document.createElement("form"))).problem;
};

test("a page whose forms are refused is out of date", async () => {
  equal(await problem(403, "<h1>Please try again</h1>", "text/html; charset=utf-8"), "This page is out of date. Reload it, then try again.");
});

test("an error that the site words is told as it is", async () => {
  const error = { code: "response_in_progress" };
  equal(await problem(409, JSON.stringify({ error }), "application/json"), "An answer is still being made. Please wait for it.");
  equal(await problem(403, JSON.stringify({ error: { code: "forbidden", message: "Not yours." } }), "application/json"), "Not yours.");
});

test("what cannot be read is no answer of the site", async () => {
  equal(await problem(502, "<h1>Bad gateway</h1>", "text/html"), "The site cannot be reached. Try again.");
});
