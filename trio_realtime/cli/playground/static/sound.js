// The microphone and the loudspeaker of the browser, 16 bit mono at 24 kHz.

const RATE = 24000;
const MOST_EARLY = 2000;

export class Sound {
  constructor({ heard, played, level }) {
    this.heard = heard; // a piece of the microphone's audio
    this.played = played; // what the loudspeaker has played
    this.level = level; // 0 to 1
    this.stream = null;
    this.starting = null;
    this.playing = false;
    this.early = []; // what came while the loudspeaker was being opened
  }

  // Browsers make sound only after the user has done something: call it then.
  start() {
    this.starting ??= this.open();
    return this.starting;
  }

  async open() {
    this.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    await this.context.audioWorklet.addModule("/worklet.js");
    this.player = new AudioWorkletNode(this.context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.player.port.onmessage = (event) => {
      this.playing = event.data.left > 0;
      this.played(event.data);
    };
    this.player.connect(this.context.destination);
    for (const piece of this.early.splice(0)) this.post(piece);
    await this.context.resume();
  }

  get listening() {
    return this.stream !== null;
  }

  async listen(echoCancellation) {
    await this.start();
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation, noiseSuppression: echoCancellation, autoGainControl: echoCancellation },
    });
    this.source = this.context.createMediaStreamSource(this.stream);
    this.capture = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    this.capture.port.onmessage = (event) => {
      const samples = event.data;
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      this.level(Math.min(1, Math.sqrt(Math.sqrt(sum / samples.length) / 6000)));
      this.heard(samples);
    };
    this.source.connect(this.capture);
  }

  deafen() {
    if (!this.stream) return;
    this.capture.port.onmessage = null;
    this.source.disconnect();
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = null;
    this.level(0);
  }

  play(id, index, samples) {
    if (!this.starting) return; // nobody can hear it
    this.playing = true;
    const piece = { id, index, samples };
    if (this.player) this.post(piece);
    else if (this.early.length < MOST_EARLY) this.early.push(piece);
  }

  post(piece) {
    this.player.port.postMessage(piece, [piece.samples.buffer]);
  }

  clear() {
    this.playing = false;
    this.early = [];
    this.player?.port.postMessage("clear");
  }
}
