// The socket: opened again with full jitter until the server says that it makes no sense (44xx).

const FIRST = 500; // milliseconds: the longest wait before the first try
const LONGEST = 20_000;
const PING = 25_000; // between signs of life
const SILENCE = 10_000; // a ping unanswered for so long means that the line is dead
const PATIENCE = 10_000; // for the handshake
const STEADY = 5_000; // a socket that lasted so long did what it is for; the next loss is a first one
const LOGGED_OUT = 4401; // close code

export const refusal = (code) => code >= 4400 && code < 4500;
export const delay = (tries, random = Math.random) => random() * Math.min(LONGEST, FIRST * 2 ** tries);

export class Connection {
  constructor(address, { opened, received, changed }) {
    Object.assign(this, { address, opened, received, changed, tries: 0, begunAt: Infinity, socket: null, timers: {} });
    Object.assign(this, { wanted: false, returned: false, loggedOut: false });
    for (const change of ["online", "offline"]) window.addEventListener(change, () => this.hasten());
    document.addEventListener("visibilitychange", () => document.hidden || this.hasten());
    window.addEventListener("pagehide", () => this.close());
    window.addEventListener("pageshow", (event) => event.persisted && this.wanted && this.back());
  }

  // The Back button shows a page as it was left, to whoever uses the browser now.
  back() {
    this.returned = true;
    this.open();
  }

  open() {
    this.wanted = true;
    this.forget();
    this.begunAt = Infinity;
    this.changed({ phase: "connecting" });
    const socket = (this.socket = new WebSocket(this.address));
    this.timers.patience = setTimeout(() => this.lost(socket, 1006), PATIENCE);
    socket.onopen = () => this.begun();
    socket.onmessage = ({ data }) => this.heard(socket, data);
    socket.onclose = ({ code, reason }) => this.lost(socket, code, reason);
  }

  begun() {
    clearTimeout(this.timers.patience);
    this.begunAt = performance.now();
    this.changed({ phase: "open" });
    this.opened();
    this.listen();
  }

  heard(socket, data) {
    if (socket !== this.socket) return;
    this.returned = false;
    this.listen();
    this.received(JSON.parse(data));
  }

  // Any frame is a sign of life; without one for a while, ask for it.
  listen() {
    clearTimeout(this.timers.ping);
    clearTimeout(this.timers.silence);
    this.timers.ping = setTimeout(() => this.probe(), PING);
  }

  probe() {
    const { socket } = this;
    if (!this.send({ type: "ping" })) return;
    clearTimeout(this.timers.silence);
    this.timers.silence = setTimeout(() => this.lost(socket, 1006), SILENCE);
  }

  lost(socket, code, reason = "") {
    if (socket !== this.socket) return;
    this.close();
    this.loggedOut = code === LOGGED_OUT;
    if (this.loggedOut && this.returned) return location.reload();
    if (refusal(code)) return this.changed({ phase: "refused", code, reason });
    if (performance.now() - this.begunAt > STEADY) this.tries = 0;
    this.changed({ phase: "waiting", code });
    this.timers.retry = setTimeout(() => this.open(), delay(this.tries++));
  }

  // The network has changed, or the person is back and may say so: do not wait out the delay. A line
  // that was open may be dead without a word, and who was logged out may have logged in elsewhere.
  hasten() {
    if ((this.timers.retry || this.loggedOut) && !this.socket) this.open();
    else this.probe();
  }

  again() {
    this.tries = 0;
    this.open();
  }

  close() {
    this.forget();
    const { socket } = this;
    Object.assign(this, { socket: null, loggedOut: false });
    socket?.close(1000);
  }

  forget() {
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
    this.timers = {};
  }

  // True when it was handed to an open socket; what matters is resent until it is acknowledged.
  send(frame) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }
}
