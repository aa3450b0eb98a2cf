// Two processors on the audio thread: what the microphone hears goes out in pieces, what came in is played in order.

const MOST_WAITING = 15 * 60 * 24000; // a quarter of an hour: what comes beyond that is not played

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(960);
    this.filled = 0;
  }

  process(inputs) {
    const channel = inputs[0][0];
    if (!channel) return true;
    for (const sample of channel) {
      this.piece[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.filled === this.piece.length) {
        this.port.postMessage(this.piece.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = [];
    this.waiting = 0;
    this.offset = 0;
    this.told = { key: null, samples: 0 };
    this.port.onmessage = (event) => {
      if (event.data === "clear") {
        this.queue = [];
        this.waiting = 0;
        this.offset = 0;
        this.tell();
      } else if (this.waiting < MOST_WAITING) {
        this.waiting += event.data.samples.length;
        this.queue.push(event.data);
      }
    };
  }

  // What was played is told ten times a second, and whenever it ends.
  tell() {
    const { id, index, samples } = this.told;
    if (samples) this.port.postMessage({ id, index, ms: (samples * 1000) / sampleRate, left: this.queue.length });
    this.told = { key: null, samples: 0 };
  }

  count(piece, samples) {
    const key = `${piece.id} ${piece.index}`;
    if (this.told.key !== key) {
      this.tell();
      this.told = { key, id: piece.id, index: piece.index, samples: 0 };
    }
    this.told.samples += samples;
  }

  process(_inputs, outputs) {
    const out = outputs[0][0];
    let at = 0;
    while (at < out.length && this.queue.length) {
      const piece = this.queue[0];
      const size = Math.min(out.length - at, piece.samples.length - this.offset);
      for (let i = 0; i < size; i++) out[at + i] = piece.samples[this.offset + i] / 32768;
      this.count(piece, size);
      at += size;
      this.offset += size;
      if (this.offset >= piece.samples.length) {
        this.waiting -= this.queue.shift().samples.length;
        this.offset = 0;
      }
    }
    if (this.told.samples && (!this.queue.length || this.told.samples >= sampleRate / 10)) this.tell();
    return true;
  }
}

registerProcessor("capture", Capture);
registerProcessor("player", Player);
