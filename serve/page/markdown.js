// Markdown as DOM nodes: elements are created by name and all text is set as text, so nothing in it becomes markup.
// Links and pictures are shown as their words and their address. The time taken grows with the length of the text alone.
const DEEPEST = 6; // lists in lists, emphasis in emphasis
const LONGEST = 2000; // characters of a span, so that a text of marks alone takes no longer than another
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^\s`]*)/;
const HEADING = /^ {0,3}(#{1,6})(?:\s+|$)/;
const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/;
const ITEM = /^( *)([-*+]|\d{1,9}[.)])(?: +|$)/;
const QUOTE = /^ {0,3}> ?/;
const TABLE_RULE = /^[ |:-]+$/;
const MARKS = { "**": "strong", __: "strong", "*": "em", _: "em", "~~": "s" };
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const WORD = /[\p{L}\p{N}]/u;

export function element(name, className = "", ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

// The nodes of a text; `codeBar(code)` gives the button beside a block of code.
export function markdown(text, codeBar) {
  return blocks(text.replaceAll("\t", "    ").split(/\r?\n/), codeBar, 0);
}

function blocks(lines, codeBar, depth) {
  const nodes = [];
  for (let at = 0; at < lines.length; ) {
    const [node, next] = block(lines, at, codeBar, depth);
    if (node) nodes.push(node);
    at = next;
  }
  return nodes;
}

function block(lines, at, codeBar, depth) {
  const line = lines[at];
  let match;
  if (!line.trim()) return [null, at + 1];
  if ((match = FENCE.exec(line))) return fenced(lines, at, match, codeBar);
  if ((match = HEADING.exec(line))) {
    return [element("h3", `level-${match[1].length}`, ...inline(line.slice(match[0].length).trim())), at + 1];
  }
  if (RULE.test(line)) return [element("hr"), at + 1];
  if (QUOTE.test(line) && depth < DEEPEST) {
    const end = endOf(lines, at, (next) => QUOTE.test(next));
    const inner = lines.slice(at, end).map((quoted) => quoted.replace(QUOTE, ""));
    return [element("blockquote", "", ...blocks(inner, codeBar, depth + 1)), end];
  }
  if (ITEM.test(line) && depth < DEEPEST) return list(lines, at, codeBar, depth);
  if (line.includes("|") && isTableRule(lines[at + 1])) return table(lines, at);
  const end = Math.max(at + 1, endOf(lines, at, (next, n) => next.trim() && (n === at || !begins(next))));
  return [element("p", "", ...inline(lines.slice(at, end).join("\n"))), end];
}

function begins(line) {
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line);
}

function endOf(lines, at, belongs) {
  let end = at;
  while (end < lines.length && belongs(lines[end], end)) end += 1;
  return end;
}

function fenced(lines, at, [, fence, language], codeBar) {
  const closes = (line) => line.trim().startsWith(fence) && !line.trim().replaceAll(fence[0], "");
  const end = endOf(lines, at + 1, (line) => !closes(line));
  const code = lines.slice(at + 1, end).join("\n");
  const pre = element("pre", "", element("code", "", code));
  pre.tabIndex = 0; // so that it can be scrolled by keyboard
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", "Code");
  return [element("div", "code", element("div", "", element("span", "", language), codeBar(code)), pre), end + 1];
}

function list(lines, at, codeBar, depth) {
  const [, indent, mark] = ITEM.exec(lines[at]);
  const isOrdered = /\d/.test(mark);
  const made = element(isOrdered ? "ol" : "ul");
  if (isOrdered) made.start = parseInt(mark, 10);
  while (at < lines.length) {
    const match = ITEM.exec(lines[at]);
    if (!match || match[1].length !== indent.length || /\d/.test(match[2]) !== isOrdered) break;
    const width = match[0].length;
    const end = endOf(lines, at + 1, (line) => (line.trim() ? leading(line) > indent.length : true));
    const inner = [lines[at].slice(width), ...lines.slice(at + 1, end).map((line) => line.slice(Math.min(width, leading(line))))];
    const content = blocks(inner, codeBar, depth + 1);
    const isOneLine = content.length && content[0].nodeName === "P";
    made.append(element("li", "", ...(isOneLine ? [...content[0].childNodes, ...content.slice(1)] : content)));
    at = end;
  }
  return [made, at];
}

function leading(line) {
  return line.length - line.trimStart().length;
}

function isTableRule(line) {
  return line !== undefined && line.includes("-") && line.includes("|") && TABLE_RULE.test(line.trim());
}

function table(lines, at) {
  const end = endOf(lines, at + 2, (line) => line.includes("|"));
  const row = (line, name) => element("tr", "", ...cells(line).map((cell) => element(name, "", ...inline(cell))));
  const head = element("thead", "", row(lines[at], "th"));
  const rows = element("tbody", "", ...lines.slice(at + 2, end).map((line) => row(line, "td")));
  const place = element("div", "table", element("table", "", head, rows));
  place.tabIndex = 0;
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", "Table");
  return [place, end];
}

function cells(line) {
  return line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").map((cell) => cell.trim());
}

// Nodes of a text without line structure. What is opened and never closed stays as it was written.
function inline(text, depth = 0) {
  const nodes = [];
  let plain = "";
  const add = (...made) => {
    if (plain) nodes.push(plain);
    plain = "";
    nodes.push(...made);
  };
  for (let at = 0; at < text.length; ) {
    const special = depth < DEEPEST ? span(text, at, depth) : null;
    if (special) {
      add(...special.nodes);
      at = special.end;
    } else if (text[at] === "\\" && PUNCTUATION.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  add();
  return nodes;
}

function span(text, at, depth) {
  switch (text[at]) {
    case "`":
      return codeSpan(text, at);
    case "*":
    case "_":
    case "~":
      return emphasis(text, at, depth);
    case "!":
      return text[at + 1] === "[" ? link(text, at + 1, depth) : null;
    case "[":
      return link(text, at, depth);
    default:
      return null;
  }
}

// Where the mark comes next, within the longest span there may be; -1 for nowhere.
function closing(text, mark, from) {
  const end = text.slice(from, from + LONGEST).indexOf(mark);
  return end < 0 ? -1 : from + end;
}

function codeSpan(text, at) {
  let length = 1;
  while (text[at + length] === "`") length += 1;
  const mark = "`".repeat(length);
  const end = closing(text, mark, at + length);
  if (end < 0) return { nodes: [mark], end: at + length };
  return { nodes: [element("code", "", text.slice(at + length, end).trim())], end: end + length };
}

function emphasis(text, at, depth) {
  const mark = MARKS[text.slice(at, at + 2)] ? text.slice(at, at + 2) : text[at];
  const name = MARKS[mark];
  const after = text[at + mark.length] ?? " ";
  if (!name || !after.trim() || (text[at] === "_" && WORD.test(text[at - 1] ?? ""))) return null;
  const end = closing(text, mark, at + mark.length + 1);
  if (end < 0 || !text[end - 1].trim() || (text[at] === "_" && WORD.test(text[end + mark.length] ?? ""))) return null;
  return { nodes: [element(name, "", ...inline(text.slice(at + mark.length, end), depth + 1))], end: end + mark.length };
}

function link(text, at, depth) {
  const middle = closing(text, "](", at + 1);
  const end = middle < 0 ? -1 : closing(text, ")", middle + 2);
  if (end < 0 || text.slice(at + 1, middle).includes("[")) return null;
  const address = element("span", "address", ` (${text.slice(middle + 2, end).trim()})`);
  return { nodes: [...inline(text.slice(at + 1, middle), depth + 1), address], end: end + 1 };
}
