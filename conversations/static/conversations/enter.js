// Enter in the field sends; Shift+Enter begins a line. Runs before there is a field: the modules come
// later, and find in `data-early` what was sent until then.

document.addEventListener("keydown", (event) => {
  const plain = event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
  if (!plain || !event.target.matches("textarea")) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

document.addEventListener("submit", (event) => {
  const { text } = event.target.elements;
  if (!text || event.defaultPrevented) return;
  event.preventDefault();
  event.target.dataset.early = text.value;
});
