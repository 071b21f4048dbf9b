// The last line of a text that is still coming: closes what is open, hides half a link, so that
// nobody sees `**` turn into bold. Only for the eye: the next delta starts from the true text.

const MARKS = /`+|\*\*|\*|~~|__/g;
const HALF_LINK = /!?\[([^[\]]*)(?:\]\([^()\s]*)?$/;
const LAST_MARK = /(?:`+|\*+|~+|_+)$/;

export function closed(text) {
  const at = text.lastIndexOf("\n") + 1;
  const line = withoutHalves(text.slice(at).trimEnd());
  return text.slice(0, at) + line + unclosed(line).join("");
}

// Half a link, or a mark at the end that closes nothing and has nothing to open yet.
function withoutHalves(line) {
  const rest = line.replace(LAST_MARK, "");
  if (rest !== line) return closes(line.slice(rest.length), unclosed(rest)) ? line : rest.trimEnd();
  return unclosed(line).includes("`") ? line : line.replace(HALF_LINK, "$1");
}

const closes = (end, marks) => marks.some((mark, index) => marks.slice(0, index + 1).join("") === end);

// The marks that lack a partner, innermost first.
function unclosed(line) {
  const marks = [];
  for (const { 0: mark, index } of line.matchAll(MARKS)) {
    const before = marks.indexOf(mark);
    if (before >= 0) marks.splice(0, before + 1);
    else if (!marks[0]?.startsWith("`") && /^\S/.test(line.slice(index + mark.length))) marks.unshift(mark);
  }
  return marks;
}
