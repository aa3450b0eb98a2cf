// What the page shows. Words of others are put in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

export function element(tag, fields = {}, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, fields);
  made.append(...children);
  return made;
}

function drawn(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function follow(box, change) {
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  change();
  if (atEnd) box.scrollTop = box.scrollHeight;
}

const MOST_LINES = 300;
const MOST_TURNS = 500;
const MOST_SPANS = 300;

const seconds = (value) => `${value.toFixed(2)} s`;

export class Conversation {
  constructor(decide) {
    this.decide = decide;
    this.log = byId("log");
    this.clear();
  }

  clear() {
    this.items = new Map();
    this.calls = new Map();
    this.lines = []; // as they are shown, without the hint
    for (const child of [...this.log.children]) if (!child.classList.contains("hint")) child.remove();
  }

  add(kind, who) {
    this.log.querySelector(".hint")?.remove();
    const words = element("span", { className: "words" });
    const line = element("li", { className: kind }, element("span", { className: "who", textContent: who }), words);
    follow(this.log, () => this.log.append(line));
    const made = { line, words, text: "", cut: false, forget: () => {} };
    this.lines.push(made);
    if (this.lines.length > MOST_LINES) this.forgetOldest();
    return made;
  }

  // A long call would fill the page. What waits for a decision stays.
  forgetOldest() {
    const oldest = Math.max(0, this.lines.findIndex((made) => !made.buttons));
    const [gone] = this.lines.splice(oldest, 1);
    gone.line.remove();
    gone.forget();
  }

  known(map, id, make) {
    if (!map.has(id)) {
      const made = make();
      made.forget = () => map.delete(id);
      map.set(id, made);
    }
    return map.get(id);
  }

  item(id, role) {
    return this.known(this.items, id, () => this.add(role, role === "user" ? "You" : "Agent"));
  }

  words(id, role, text, error) {
    const item = this.item(id, role);
    item.text = text || (error ? `(${error})` : item.text);
    if (!item.cut) follow(this.log, () => (item.words.textContent = item.text || "\u2026"));
  }

  typed(text) {
    this.add("user", "You").words.textContent = text;
  }

  spoken(id) {
    this.item(id, "user").words.textContent = "\u2026";
  }

  // The agent was interrupted: the history knows how far it was heard.
  interrupted(id) {
    this.item(id, "assistant").cut = true;
  }

  history(items) {
    const known = new Map(items.map((item) => [item.id, item]));
    for (const [id, item] of this.items) {
      if (item.cut) this.mark(item, known.get(id)?.text ?? "");
    }
  }

  mark(item, heard) {
    const rest = item.text.startsWith(heard) ? item.text.slice(heard.length) : "";
    const kept = item.text.startsWith(heard) ? heard : heard || item.text;
    const note = heard ? "interrupted: the struck words were not heard" : "interrupted before a word was heard";
    follow(this.log, () => {
      item.words.replaceChildren(kept, element("del", { textContent: rest }));
      item.line.querySelector(".cut")?.remove();
      item.line.append(element("span", { className: "cut", textContent: note }));
    });
  }

  tool(id, name, args) {
    return this.known(this.calls, id, () => {
      const call = this.add("tool", `Tool: ${name}`);
      call.words.append(element("code", { textContent: args }));
      return call;
    });
  }

  approval(id, name, args) {
    const call = this.tool(id, name, args);
    const button = (verb, label, key) =>
      element("button", { type: "button", className: verb, onclick: () => this.decided(id, verb) }, `${label} `,
        element("kbd", { textContent: key }));
    call.buttons = element("div", { className: "decide" }, button("approve", "Approve", "A"), button("reject", "Reject", "R"));
    follow(this.log, () => call.line.append(call.buttons));
  }

  decided(id, verb) {
    const call = this.calls.get(id);
    if (!call?.buttons || !this.decide(id, verb)) return;
    call.buttons.replaceWith(element("span", { className: "cut", textContent: verb === "approve" ? "approved" : "rejected" }));
    call.buttons = null;
  }

  // The call is over: nothing can be decided any more.
  undecided() {
    for (const call of this.calls.values()) {
      call.buttons?.replaceWith(element("span", { className: "cut", textContent: "not decided" }));
      call.buttons = null;
    }
  }

  decideFirst(verb) {
    for (const [id, call] of this.calls) if (call.buttons) return this.decided(id, verb);
  }

  result(id, name, output, error) {
    const call = this.tool(id, name, "");
    call.buttons?.remove();
    call.buttons = null;
    const text = error ? `failed: ${error}` : output;
    follow(this.log, () => call.line.append(element("span", { className: "cut", textContent: `\u2192 ${text}` })));
  }

  note(text, kind = "note") {
    const { words, line } = this.add(kind, "");
    line.firstChild.remove();
    words.textContent = text;
  }
}

const LANES = { user: "You speak", agent: "Agent answers", tool: "Tool" };
const SPAN = 60;

export class Timeline {
  constructor() {
    this.body = byId("timeline");
    this.scroll = byId("timeline-scroll");
    this.lanes = byId("lanes");
    this.clear();
  }

  clear() {
    this.spans = new Map();
    this.all = [];
    this.body.replaceChildren();
    this.zero = performance.now();
    this.draw();
  }

  get now() {
    return (performance.now() - this.zero) / 1000;
  }

  row(at, name) {
    const took = element("td");
    const row = element("tr", {}, element("td", { textContent: seconds(at) }), element("td", { textContent: name }), took);
    follow(this.scroll, () => this.body.append(row));
    while (this.body.children.length > 400) this.body.firstChild.remove();
    return { row, took };
  }

  event(at, name) {
    this.row(at, name);
  }

  begin(key, lane, at, name) {
    if (this.spans.has(key)) return;
    this.zero = performance.now() - at * 1000; // the server's clock counts
    const span = { lane, from: at, to: null, name, ...this.row(at, name) };
    span.key = key;
    this.spans.set(key, span);
    this.all.push(span);
    this.forgetOld();
    this.draw();
  }

  // What has ended and is not drawn any more; and what never ends, when it is too much.
  forgetOld() {
    const from = this.now - SPAN;
    const kept = this.all.filter((span) => span.to === null || span.to > from).slice(-MOST_SPANS);
    if (kept.length === this.all.length) return;
    this.all = kept;
    this.spans = new Map(kept.map((span) => [span.key, span]));
  }

  end(key, at, more = "") {
    const span = this.spans.get(key);
    if (!span || span.to !== null) return;
    span.to = at;
    span.took.textContent = seconds(at - span.from);
    if (more) span.row.children[1].textContent = `${span.name}: ${more}`;
    this.draw();
  }

  get running() {
    return this.all.some((span) => span.to === null);
  }

  draw() {
    const svg = drawn("svg", { viewBox: "0 0 480 74" });
    const now = this.now;
    const end = Math.max(now, SPAN);
    const x = (at) => 92 + ((Math.max(at, end - SPAN) - (end - SPAN)) / SPAN) * 384;
    Object.entries(LANES).forEach(([lane, label], index) => {
      const y = 4 + index * 20;
      svg.append(drawn("text", { x: 0, y: y + 12 }, label), drawn("line", { class: "grid", x1: 92, x2: 476, y1: y + 17, y2: y + 17 }));
      for (const span of this.all.filter((one) => one.lane === lane && (one.to ?? now) > end - SPAN)) {
        const width = Math.max(2, x(span.to ?? now) - x(span.from));
        svg.append(drawn("rect", { class: `lane-${lane}`, x: x(span.from), y: y + 2, width, height: 13, rx: 3 }));
      }
    });
    for (const share of [0, 0.5, 1]) {
      const anchor = ["start", "middle", "end"][share * 2];
      svg.append(drawn("text", { x: 92 + share * 384, y: 73, "text-anchor": anchor }, `${Math.round(end - SPAN + share * SPAN)} s`));
    }
    this.lanes.replaceChildren(svg);
  }
}

export class Latency {
  constructor() {
    this.box = byId("latency");
    this.empty = this.box.firstElementChild;
    this.clear();
  }

  clear() {
    this.turns = [];
    this.count = 0;
    byId("median").textContent = "";
    this.box.replaceChildren(this.empty);
  }

  add(kind, ms) {
    this.turns.push({ kind, ms });
    if (this.turns.length > MOST_TURNS) this.turns.shift();
    this.count += 1;
    const shown = this.turns.slice(-16);
    const sorted = this.turns.map((turn) => turn.ms).sort((a, b) => a - b);
    const median = Math.round(sorted[Math.floor((sorted.length - 1) / 2)]);
    byId("median").textContent = `median ${median} ms, ${this.count} turns; green: spoken, amber: typed or clicked`;
    const most = Math.max(...shown.map((turn) => turn.ms), 1);
    const svg = drawn("svg", { viewBox: "0 0 480 96" });
    svg.append(drawn("line", { class: "grid", x1: 0, x2: 480, y1: 82, y2: 82 }));
    shown.forEach((turn, index) => {
      const height = Math.max(2, (turn.ms / most) * 62);
      const x = index * 30 + 2;
      const bar = drawn("rect", { class: turn.kind === "typed" ? "typed" : "bar", x, y: 82 - height, width: 24, height, rx: 3 });
      bar.append(drawn("title", {}, `${turn.kind}: ${Math.round(turn.ms)} ms`));
      svg.append(bar, drawn("text", { x: x + 12, y: 78 - height, "text-anchor": "middle" }, Math.round(turn.ms)));
      svg.append(drawn("text", { x: x + 12, y: 94, "text-anchor": "middle" }, this.count - shown.length + index + 1));
    });
    this.box.replaceChildren(svg);
    this.box.setAttribute("aria-label", `Milliseconds to the first sound: ${shown.map((turn) => Math.round(turn.ms)).join(", ")}`);
  }
}

export function showHistory(items) {
  byId("history-count").textContent = `${items.length} items`;
  byId("history").replaceChildren(...items.map((item) => {
    const words = item.role === "tool" ? `${item.name} ${item.arguments} \u2192 ${item.output ?? "\u2026"}` : item.text || "(no words)";
    return element("li", {}, element("strong", { textContent: `${item.role} ` }), words, " ",
      element("small", { textContent: item.status ?? "" }));
  }));
}

export function showRaw(message) {
  const box = byId("raw");
  const arrow = message.direction === "sent" ? "\u2192" : "\u2190";
  const last = box.lastElementChild;
  if (/append|audio\.delta/.test(message.event) && last?.dataset.event === message.event) {
    last.dataset.count = Number(last.dataset.count) + 1; // shown behind it: sound comes in many pieces
    return;
  }
  const line = element("li", { className: message.direction, textContent: `${seconds(message.at)} ${arrow} ${message.text}` });
  Object.assign(line.dataset, { event: message.event, count: 1 });
  follow(box, () => box.append(line));
  while (box.children.length > 300) box.firstChild.remove();
}
