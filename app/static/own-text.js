// Writing a hospital's own text: each area of light markup becomes an editor, and what is typed is saved by itself.
// The markup is that of app/outside/paper/markup.py; the area stays in the form and always holds it, so the form works alone.

import { baseKeymap, chainCommands, exitCode, setBlockType, toggleMark } from "./vendor/prosemirror-commands.js";
import { history, redo, undo } from "./vendor/prosemirror-history.js";
import { InputRule, inputRules, textblockTypeInputRule, wrappingInputRule } from "./vendor/prosemirror-inputrules.js";
import { keymap } from "./vendor/prosemirror-keymap.js";
import { Schema } from "./vendor/prosemirror-model.js";
import { liftListItem, splitListItem, wrapInList } from "./vendor/prosemirror-schema-list.js";
import { EditorState } from "./vendor/prosemirror-state.js";
import { EditorView } from "./vendor/prosemirror-view.js";

const form = document.getElementById("text");
const tools = document.getElementById("tools");
const status = document.getElementById("status");
const menu = document.getElementById("fields");
const names = JSON.parse(form.dataset.fields);
const PAUSE = 1200;

const schema = new Schema({
  nodes: {
    doc: { content: "block+" },
    paragraph: { content: "inline*", group: "block", parseDOM: [{ tag: "p" }], toDOM: () => ["p", 0] },
    heading: { content: "text*", marks: "", group: "block", defining: true, parseDOM: [1, 2, 3, 4, 5, 6].map((n) => ({ tag: `h${n}` })), toDOM: () => ["h3", 0] },
    bullet: { content: "item+", group: "block", parseDOM: [{ tag: "ul" }], toDOM: () => ["ul", 0] },
    ordered: { content: "item+", group: "block", parseDOM: [{ tag: "ol" }], toDOM: () => ["ol", 0] },
    item: { content: "paragraph", defining: true, parseDOM: [{ tag: "li" }], toDOM: () => ["li", 0] },
    text: { group: "inline" },
    field: {
      inline: true, group: "inline", atom: true, attrs: { name: {} },
      parseDOM: [{ tag: "span[data-field]", getAttrs: (dom) => ({ name: dom.dataset.field }) }],
      toDOM: (node) => ["span", { class: "chip", "data-field": node.attrs.name, contenteditable: "false" }, names[node.attrs.name] || node.attrs.name],
      leafText: (node) => `[[${node.attrs.name}]]`,
    },
    break: { inline: true, group: "inline", selectable: false, parseDOM: [{ tag: "br" }], toDOM: () => ["br"] },
  },
  marks: {
    strong: { parseDOM: [{ tag: "strong" }, { tag: "b" }, { tag: "em" }, { tag: "i" }], toDOM: () => ["strong", 0] },
  },
});
const { nodes, marks } = schema;

// --- from markup and back ---

function inline(line) {
  const made = [];
  line.split(/\*\*(.+?)\*\*/).forEach((piece, number) => {
    const on = number % 2 ? [marks.strong.create()] : [];
    piece.split(/\[\[([^[\]]*)\]\]/).forEach((part, place) => {
      if (place % 2) made.push(nodes.field.create({ name: part }, null, on));
      else if (part) made.push(schema.text(part, on));
    });
  });
  return made;
}

function kind(line) {
  if (!line) return ["", ""];
  if (line.startsWith("### ")) return ["heading", line.slice(4).trim()];
  const item = /^(?:(-)|\d{1,2}\.) +(.*)$/.exec(line);
  if (item) return [item[1] ? "bullet" : "ordered", item[2]];
  return ["paragraph", line];
}

function parsed(markup) {
  const blocks = [];
  let now = "", lines = [];
  const close = () => {
    if (!lines.length) return;
    if (now === "bullet" || now === "ordered") blocks.push(nodes[now].create(null, lines.map((one) => nodes.item.create(null, nodes.paragraph.create(null, inline(one))))));
    else if (now === "heading") blocks.push(nodes.heading.create(null, schema.text(lines[0].replaceAll("**", ""))));
    else blocks.push(nodes.paragraph.create(null, lines.flatMap((one, number) => (number ? [nodes.break.create(), ...inline(one)] : inline(one)))));
  };
  for (const raw of [...markup.split("\n"), ""]) {
    const [next, words] = kind(raw.trim());
    if (next !== now || next === "heading") { close(); now = next; lines = []; }
    if (next) lines.push(words);
  }
  return nodes.doc.create(null, blocks.length ? blocks : [nodes.paragraph.create()]);
}

function line(node) {
  let text = "", on = false;
  const turn = (wanted) => { if (wanted !== on) { text += "**"; on = wanted; } };
  node.forEach((child) => {
    if (child.type === nodes.break) { turn(false); text += "\n"; return; }
    turn(child.marks.some((mark) => mark.type === marks.strong));
    text += child.type === nodes.field ? `[[${child.attrs.name}]]` : child.text;
  });
  turn(false);
  return text.trim();
}

function written(doc) {
  const blocks = [];
  doc.forEach((node) => {
    if (node.type === nodes.bullet || node.type === nodes.ordered) {
      const items = [];
      node.forEach((item) => { const words = line(item.firstChild).replaceAll("\n", " "); if (words) items.push(words); });
      blocks.push(items.map((words, number) => (node.type === nodes.bullet ? `- ${words}` : `${number + 1}. ${words}`)).join("\n"));
    } else {
      const words = line(node);
      if (words) blocks.push(node.type === nodes.heading ? `### ${words}` : words);
    }
  });
  return blocks.filter(Boolean).join("\n\n");
}

// --- the editors ---

const lineBreak = chainCommands(exitCode, (state, dispatch) => {
  if (state.selection.$from.parent.type !== nodes.paragraph || state.selection.$from.depth > 1) return false;
  if (dispatch) dispatch(state.tr.replaceSelectionWith(nodes.break.create()).scrollIntoView());
  return true;
});

const typedField = new InputRule(/\[\[([a-z_.]+)\]\]$/, (state, match, start, end) =>
  names[match[1]] ? state.tr.replaceWith(start, end, nodes.field.create({ name: match[1] })) : null);

const plugins = [
  inputRules({ rules: [
    wrappingInputRule(/^- $/, nodes.bullet), wrappingInputRule(/^1\. $/, nodes.ordered), textblockTypeInputRule(/^### $/, nodes.heading), typedField,
  ] }),
  keymap({ "Mod-z": undo, "Mod-y": redo, "Shift-Mod-z": redo, "Mod-b": toggleMark(marks.strong), "Enter": splitListItem(nodes.item), "Shift-Enter": lineBreak }),
  keymap(baseKeymap),
  history(),
];

let current = null;

function edit(area) {
  const place = document.createElement("div");
  area.after(place);
  area.hidden = true;
  const labels = `${area.closest(".point").querySelector("h2").id} ${area.id}-label`;
  const view = new EditorView(place, {
    state: EditorState.create({ doc: parsed(area.value), plugins }),
    attributes: { role: "textbox", tabindex: "0", "aria-multiline": "true", "aria-labelledby": labels, "aria-describedby": `${area.id}-error`, lang: area.lang, dir: "auto", spellcheck: "true" },
    dispatchTransaction(change) {
      view.updateState(view.state.apply(change));
      if (change.docChanged) { area.value = written(view.state.doc); touched(); }
      show(view);
    },
    handleDOMEvents: { focus() { current = view; show(view); } },
  });
  document.getElementById(`${area.id}-label`).addEventListener("click", (event) => { event.preventDefault(); view.focus(); });
}

function listAround(state) {
  const { $from } = state.selection;
  for (let depth = $from.depth; depth > 0; depth -= 1) if ([nodes.bullet, nodes.ordered].includes($from.node(depth).type)) return $from.node(depth).type;
  return null;
}

function inList(type) {
  return (state, dispatch) => {
    const around = listAround(state);
    if (around === type) return liftListItem(nodes.item)(state, dispatch);
    if (!around) return wrapInList(type)(state, dispatch);
    const { $from } = state.selection;
    let depth = $from.depth;
    while ($from.node(depth).type !== around) depth -= 1;
    if (dispatch) dispatch(state.tr.setNodeMarkup($from.before(depth), type));
    return true;
  };
}

const plain = (state, dispatch) => (listAround(state) ? liftListItem(nodes.item)(state, dispatch) : setBlockType(nodes.paragraph)(state, dispatch));

const commands = {
  strong: toggleMark(marks.strong),
  heading: (state, dispatch) => (state.selection.$from.parent.type === nodes.heading ? plain : setBlockType(nodes.heading))(state, dispatch),
  bullet: inList(nodes.bullet),
  ordered: inList(nodes.ordered),
  paragraph: plain,
};

function show(view) {
  const { state } = view, { $from, empty } = state.selection;
  const strong = empty ? marks.strong.isInSet(state.storedMarks || $from.marks()) : state.doc.rangeHasMark(state.selection.from, state.selection.to, marks.strong);
  const pressed = { strong: !!strong, heading: $from.parent.type === nodes.heading, bullet: listAround(state) === nodes.bullet, ordered: listAround(state) === nodes.ordered };
  for (const [name, on] of Object.entries(pressed)) tools.querySelector(`[data-do=${name}]`).setAttribute("aria-pressed", String(on));
}

tools.addEventListener("mousedown", (event) => { if (event.target.closest("[data-do]")) event.preventDefault(); });
tools.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (!button || !current) return;
  commands[button.dataset.do](current.state, current.dispatch);
  current.focus();
});
menu.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-field]");
  if (!chosen) return;
  menu.hidePopover();
  if (!current) return;
  current.dispatch(current.state.tr.replaceSelectionWith(nodes.field.create({ name: chosen.dataset.field })));
  current.focus();
});

// --- saved as one types ---

let waiting = null, asking = null, unsaved = false, stopped = false;

function tell(words) { status.textContent = words; }

function touched() {
  unsaved = true;
  if (stopped) return;
  tell(form.dataset.unsaved);
  clearTimeout(waiting);
  waiting = setTimeout(save, PAUSE);
}

async function save() {
  clearTimeout(waiting);
  if (asking) { await asking; }
  if (!unsaved || stopped) return;
  unsaved = false;
  tell(form.dataset.saving);
  asking = send();
  await asking;
  asking = null;
}

async function send() {
  try {
    const answer = await fetch(location.pathname, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" }, redirect: "error" });
    const told = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : {};
    if (answer.ok && told.seen) { form.elements.seen.value = told.seen; mark(told.faults); tell(form.dataset.saved); return; }
    unsaved = true;
    stopped = answer.status === 409;
    tell(told.told || form.dataset.lost);
  } catch {
    unsaved = true;
    tell(form.dataset.lost);
  }
}

function mark(faults) {
  for (const entry of form.querySelectorAll("[data-entry]")) {
    const told = faults[entry.dataset.entry] || [];
    entry.classList.toggle("wrong", told.length > 0);
    entry.querySelector(".error").hidden = !told.length;
    entry.querySelector("[data-told]").textContent = told.join(" ");
  }
}

form.addEventListener("input", (event) => { if (event.target.name) touched(); });
form.addEventListener("submit", () => { clearTimeout(waiting); unsaved = false; stopped = true; });
window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

document.getElementById("see").addEventListener("click", async (event) => {
  event.preventDefault();
  await save();
  document.querySelector("iframe[name=paper]").src = `${event.currentTarget?.href || document.getElementById("see").href}?at=${Date.now()}#navpanes=0&view=FitH`;
});

for (const area of form.querySelectorAll("[data-rich]")) edit(area);
tools.hidden = false;
const stick = () => document.documentElement.style.setProperty("--stuck", `${document.querySelector("header.top").offsetHeight}px`);
stick();
window.addEventListener("resize", stick);
document.getElementById("how").hidden = true;
if (location.hash) document.getElementById(location.hash.slice(1))?.closest("[data-entry]")?.scrollIntoView({ block: "center" });
