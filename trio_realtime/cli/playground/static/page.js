// The page: one WebSocket to the command, which holds the session.

import { Sound } from "/sound.js";
import { Conversation, Latency, Timeline, showHistory, showRaw } from "/views.js";

const byId = (id) => document.getElementById(id);
const status = byId("status");
const microphone = byId("microphone");
const stop = byId("stop");
const text = byId("text");

const MOST_BUFFERED = 256 * 1024;

let socket = null;
let waiting = null; // what was asked for before the command has let the page in; null: there is no call

// What a person asks for is never left out: it waits, or the page says that it cannot be.
function send(message) {
  if (waiting) waiting.push(message);
  else if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  else return false;
  return true;
}

const conversation = new Conversation((call_id, type) => send({ type, call_id }));
const timeline = new Timeline();
const latency = new Latency();
const sound = new Sound({
  heard: (samples) => {
    if (!waiting && socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_BUFFERED) socket.send(samples.buffer);
  },
  played: ({ id, index, ms }) => {
    send({ type: "played", item_id: id, content_index: index, ms });
    refresh();
  },
  level: (level) => (byId("level").value = level),
});

function state(name, words) {
  status.dataset.state = name;
  status.textContent = words;
}

function refresh() {
  stop.disabled = !(sound.playing || timeline.running);
}

// The token comes behind the # of the address, and works once, together with a key that is made here: with it alone this
// tab gets in from then on. Both are kept where only pages of this very port can read them.
const kept = {
  get: (name) => {
    try {
      return sessionStorage.getItem(name);
    } catch {
      return null; // the browser keeps nothing: the page works until it is loaded again
    }
  },
  set: (name, value) => {
    try {
      sessionStorage.setItem(name, value);
    } catch {
      // as above
    }
  },
};
const entry = { type: "enter", token: kept.get("token"), key: kept.get("key") };
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return false;
  history.replaceState(null, "", "/");
  entry.token = token;
  entry.key = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(30))));
  kept.set("token", entry.token);
  kept.set("key", entry.key);
  return true;
}

const taken = {
  entered: () => {
    const asked = waiting;
    waiting = null;
    asked.forEach(send);
  },
  place: (m) => (byId("place").textContent = m.words),
  connection: (m) => {
    timeline.event(m.at, `connection ${m.status}${m.reason ? `: ${m.reason}` : ""}`);
    if (m.status === "connected" || m.status === "reconnected") state("ready", "connected");
    else if (m.status === "reconnecting") state("wait", "reconnecting");
  },
  transcript: (m) => conversation.words(m.item_id, m.role, m.text, m.error),
  user_speech_started: (m) => {
    state("hears", "hears you");
    conversation.spoken(m.item_id);
    timeline.begin(m.item_id, "user", m.at, "you speak");
  },
  user_speech_stopped: (m) => {
    state("ready", "connected");
    timeline.end(m.item_id, m.at);
  },
  agent_start: (m) => timeline.begin(m.response_id, "agent", m.at, `answer of ${m.agent}`),
  agent_end: (m) => timeline.end(m.response_id, m.at, [m.status, m.reason].filter(Boolean).join(", ")),
  audio_interrupted: (m) => {
    sound.clear();
    conversation.interrupted(m.item_id);
    timeline.event(m.at, "interrupted");
  },
  tool_approval_required: (m) => {
    conversation.approval(m.call_id, m.name, m.arguments);
    timeline.begin(`${m.call_id} approval`, "tool", m.at, `${m.name} waits for approval`);
  },
  tool_start: (m) => {
    conversation.tool(m.call_id, m.name, m.arguments);
    timeline.end(`${m.call_id} approval`, m.at, "approved");
    timeline.begin(m.call_id, "tool", m.at, `tool ${m.name}`);
  },
  tool_end: (m) => {
    conversation.result(m.call_id, m.name, m.output, m.error);
    timeline.end(`${m.call_id} approval`, m.at, "rejected");
    timeline.end(m.call_id, m.at, m.error ? "failed" : "");
  },
  handoff: (m) => conversation.note(`${m.from} hands over to ${m.to}`),
  guardrail_tripped: (m) => conversation.note(`stopped by ${m.names.join(", ")}`, "error"),
  input_audio_timeout_triggered: (m) => timeline.event(m.at, "nobody spoke for a while"),
  latency: (m) => {
    latency.add(m.kind, m.ms);
    timeline.event(m.at, `first sound after ${Math.round(m.ms)} ms`);
  },
  history: (m) => {
    conversation.history(m.items);
    showHistory(m.items);
  },
  raw: showRaw,
  error: (m) => {
    conversation.note(m.text, "error");
    timeline.event(m.at, `error: ${m.text}`);
  },
  ended: (m) => {
    state("ended", "ended");
    waiting = null;
    conversation.undecided();
    conversation.note(m.reason ? `The call has ended: ${m.reason}` : "The call has ended.");
  },
};

function play(data) {
  const size = new DataView(data).getUint32(0, true);
  const { id, index } = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, size)));
  const samples = data.slice(4 + size);
  sound.play(id, index, new Int16Array(samples, 0, samples.byteLength >> 1));
  refresh();
}

function call() {
  socket?.close();
  conversation.clear();
  timeline.clear();
  latency.clear();
  showHistory([]);
  byId("raw").replaceChildren();
  sound.clear();
  state("wait", "connecting");
  const mine = (socket = new WebSocket(`ws://${location.host}/call`));
  mine.binaryType = "arraybuffer";
  waiting = byId("raw-box").open ? [{ type: "raw", on: true }] : [];
  mine.onopen = () => mine.send(JSON.stringify(entry));
  mine.onmessage = (event) => {
    if (mine !== socket) return;
    if (typeof event.data !== "string") return play(event.data);
    const message = JSON.parse(event.data);
    taken[message.type]?.(message);
    refresh();
  };
  mine.onclose = (event) => {
    if (mine === socket && status.dataset.state !== "ended") taken.ended({ reason: event.reason || "the command has gone" });
  };
}

async function toggleMicrophone() {
  if (sound.listening) {
    sound.deafen();
  } else {
    try {
      await sound.listen(byId("echo").checked);
    } catch (error) {
      conversation.note(`No microphone: ${error.message}. You can type.`, "error");
    }
  }
  microphone.setAttribute("aria-pressed", sound.listening);
}

microphone.onclick = toggleMicrophone;
stop.onclick = () => send({ type: "interrupt" });
byId("again").onclick = call;
byId("raw-box").ontoggle = () => {
  const on = byId("raw-box").open;
  if (on) byId("raw").replaceChildren();
  send({ type: "raw", on });
};
byId("say").onsubmit = (event) => {
  event.preventDefault();
  const words = text.value.trim();
  if (!words) return;
  sound.start().catch(() => {});
  if (!send({ type: "say", text: words })) return conversation.note("There is no call: press New call.", "error");
  conversation.typed(words);
  text.value = "";
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Escape") return stop.disabled ? document.activeElement.blur() : stop.click();
  if (event.target instanceof HTMLInputElement && event.target.type !== "checkbox") return;
  const actions = {
    m: toggleMicrophone,
    n: call,
    a: () => conversation.decideFirst("approve"),
    r: () => conversation.decideFirst("reject"),
    "/": () => text.focus(),
  };
  const action = actions[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});
window.addEventListener("hashchange", () => takeToken() && call());
setInterval(() => timeline.running && timeline.draw(), 500);
takeToken();
if (document.prerendering) document.addEventListener("prerenderingchange", call, { once: true }); // nobody looks yet
else call();
