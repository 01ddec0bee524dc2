// The drawing pad: strokes by pointer or by keys, and photographs.

const SIDE = 336; // of the pad's own pixels
const SENT = 140; // of the picture that is sent: more would only take the network's reading of it longer
const PEN = 24;
const STEP = 12;

export class Pad {
  // `onchange` is told of every change, and of whether a stroke is still going on.
  constructor(canvas, cursor, onchange) {
    this.canvas = canvas;
    this.cursor = cursor;
    this.onchange = onchange;
    this.context = canvas.getContext("2d");
    const small = document.createElement("canvas");
    small.width = small.height = SENT;
    this.small = small.getContext("2d", { willReadFrequently: true });
    this.small.imageSmoothingQuality = "high";
    this.strokes = [];
    this.photograph = null;
    this.pointer = null;
    this.at = [SIDE / 2, SIDE / 2];
    this.down = false;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.#end(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#lift());
    this.#paint();
  }

  get empty() {
    return !this.strokes.length && !this.photograph;
  }

  clear() {
    this.strokes = [];
    this.photograph = null;
    this.#lift();
    this.#changed();
  }

  undo() {
    if (this.strokes.length) this.strokes.pop();
    else this.photograph = null;
    this.#lift();
    this.#changed();
  }

  // A photograph, or any bitmap, replaces what was drawn; more can be drawn on it.
  show(bitmap, smooth = true) {
    this.strokes = [];
    this.photograph = bitmap;
    this.smooth = smooth;
    this.#paint();
  }

  // The drawing as an image file, dark on white: in PGM, or PPM if it has colours, which take no time to encode.
  toFile() {
    this.small.drawImage(this.canvas, 0, 0, SENT, SENT);
    const { data } = this.small.getImageData(0, 0, SENT, SENT);
    const channels = this.photograph ? 3 : 1;
    const header = new TextEncoder().encode(`P${channels === 3 ? 6 : 5} ${SENT} ${SENT} 255\n`);
    const file = new Uint8Array(header.length + channels * SENT * SENT);
    file.set(header);
    for (let from = 0, to = header.length; from < data.length; from += 4) {
      for (let c = 0; c < channels; c++) file[to++] = data[from + c];
    }
    return file;
  }

  #paint() {
    const context = this.context;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    if (this.photograph) {
      const { width, height } = this.photograph;
      const scale = SIDE / Math.max(width, height);
      context.imageSmoothingEnabled = this.smooth;
      const size = [width * scale, height * scale];
      context.drawImage(this.photograph, (SIDE - size[0]) / 2, (SIDE - size[1]) / 2, ...size);
    }
    context.strokeStyle = "#111";
    context.lineWidth = PEN;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
  }

  #changed(goesOn = false) {
    this.#paint();
    this.onchange(goesOn);
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  }

  #begin(event) {
    if (event.button || this.pointer !== null) return;
    this.#lift();
    this.cursor.hidden = true;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.strokes.push([this.#place(event)]);
    this.#changed(true);
  }

  #move(event) {
    if (event.pointerId !== this.pointer) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const each of all.length ? all : [event]) this.strokes.at(-1).push(this.#place(each));
    this.#changed(true);
  }

  #end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.#changed();
  }

  #lift() {
    this.down = false;
    this.#showCursor(false);
  }

  #showCursor(visible = true) {
    this.cursor.hidden = !visible;
    this.cursor.classList.toggle("down", this.down);
    this.cursor.style.left = `${(100 * this.at[0]) / SIDE}%`;
    this.cursor.style.top = `${(100 * this.at[1]) / SIDE}%`;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in moves) {
      const far = STEP * (event.shiftKey ? 4 : 1);
      this.at = this.at.map((x, i) => Math.min(SIDE - PEN / 2, Math.max(PEN / 2, x + far * moves[event.key][i])));
      if (this.down) {
        this.strokes.at(-1).push(this.at);
        this.#changed(true);
      }
    } else if (event.key === " ") {
      this.down = !this.down;
      if (this.down) this.strokes.push([this.at]);
      this.#changed(this.down);
    } else if (event.key === "Backspace") {
      this.undo();
    } else if (event.key === "Delete") {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
    this.#showCursor();
  }
}
