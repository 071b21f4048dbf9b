// The field: what is not sent yet survives a reload. `enter.js` makes Enter send.

const LONGEST = 60_000; // bytes of text that the server takes

// Whether a frame can carry it, with all that JSON adds.
export const fits = (text) => new TextEncoder().encode(JSON.stringify(text)).length <= LONGEST;

export class Composer {
  constructor(form, { draft, send, tooLong }) {
    Object.assign(this, { form, field: form.elements.text, draft, send, tooLong });
    this.button = form.querySelector("#send");
    this.write(this.field.value || draft.read()); // someone may have begun before this ran
    this.field.addEventListener("input", () => this.changed());
    form.addEventListener("submit", (event) => this.submit(event));
  }

  // What was sent before this ran.
  catchUp() {
    if (this.form.dataset.early) this.form.requestSubmit();
  }

  submit(event) {
    event.preventDefault();
    const text = sendable(this.field.value);
    if (!text || this.form.inert) return;
    if (!fits(text)) return this.tooLong();
    if (this.send(text) !== false) this.write("");
    this.field.focus();
  }

  changed() {
    this.draft.write(this.field.value);
    this.fit();
  }

  write(text) {
    this.field.value = text;
    this.changed();
  }

  fit() {
    this.button.disabled = !this.field.value.trim();
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }
}

// Without empty lines around it, and without what a database cannot keep.
function sendable(text) {
  return text.toWellFormed().replaceAll("\0", "").replace(/^\s*\n/, "").trimEnd();
}
