// Arrays drawn on canvases.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Images (C, H, W) from 0 to 1, in grey or in colour, one pixel each; the style sheet enlarges the canvas.
export function drawImage(canvas, { shape: [channels, height, width], values }) {
  canvas.width = width;
  canvas.height = height;
  const area = height * width;
  const image = new ImageData(width, height);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 * values[channels === 3 ? c * area + i : i];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Numbers (C, H, W) with a sign, laid over an image: a disc is above 0, a ring is below, so that no colour is needed.
export function drawSigned(canvas, numbers, image = null) {
  const [channels, height, width] = numbers.shape;
  const cell = Math.max(4, Math.floor(448 / width));
  canvas.width = cell * width;
  canvas.height = cell * height;
  const context = canvas.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (image) {
    const small = document.createElement("canvas");
    drawImage(small, image);
    context.imageSmoothingEnabled = false;
    context.globalAlpha = 0.45;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    context.globalAlpha = 1;
  }
  const sums = new Float32Array(height * width);
  numbers.values.forEach((value, i) => { sums[i % sums.length] += value / channels; });
  const largest = sums.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  context.lineWidth = Math.max(1, cell / 9);
  context.fillStyle = "#f39c53";
  context.strokeStyle = "#6cc3f5";
  sums.forEach((value, i) => {
    const radius = (Math.sqrt(Math.abs(value) / largest) * (cell - context.lineWidth)) / 2;
    if (radius < 0.2 * cell) return;
    context.beginPath();
    context.arc(((i % width) + 0.5) * cell, (Math.floor(i / width) + 0.5) * cell, radius, 0, 2 * Math.PI);
    if (value > 0) context.fill();
    else context.stroke();
  });
}

// Maps (F, H, W) of bytes side by side, a pixel for each number, enlarged by the browser; one row of numbers becomes a
// strip that wraps.
export function drawMaps(canvas, { shape: [count, height, width], values }, room = 640) {
  const strip = height === 1;
  const cells = strip ? width : count;
  const [tall, wide, gap] = strip ? [1, 1, 0] : [height, width, 1];
  const scale = strip ? 14 : Math.max(1, Math.min(4, Math.round(64 / wide)));
  const most = Math.max(1, Math.floor((room / scale + gap) / (wide + gap)));
  const columns = Math.ceil(cells / Math.ceil(cells / most));  // rows of one length, if they can be
  canvas.width = columns * (wide + gap) - gap;
  canvas.height = Math.ceil(cells / columns) * (tall + gap) - gap;
  canvas.style.width = `${scale * canvas.width}px`;
  const image = new ImageData(canvas.width, canvas.height);
  for (let i = 0; i < values.length; i++) {
    const cell = strip ? i : Math.floor(i / (tall * wide));
    const inside = strip ? 0 : i % (tall * wide);
    const row = Math.floor(cell / columns) * (tall + gap) + Math.floor(inside / wide);
    const at = 4 * (row * canvas.width + (cell % columns) * (wide + gap) + (inside % wide));
    image.data[at] = image.data[at + 1] = image.data[at + 2] = values[i];
    image.data[at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Bars of a histogram.
export function drawHistogram(canvas, counts) {
  canvas.width = 280;
  canvas.height = 80;
  const context = canvas.getContext("2d");
  const most = Math.max(...counts);
  const wide = canvas.width / counts.length;
  context.fillStyle = colour("--bar");
  counts.forEach((count, i) => {
    const tall = count ? Math.max(1, (count / most) * (canvas.height - 2)) : 0;
    context.fillRect(i * wide + 0.5, canvas.height - 1 - tall, wide - 1, tall);
  });
  context.fillStyle = colour("--faint");
  context.fillRect(0, canvas.height - 1, canvas.width, 1);
}

// The losses of a lesson, from the first step to the last.
export function drawCurve(canvas, losses) {
  const context = canvas.getContext("2d");
  canvas.width = Math.max(240, canvas.clientWidth);
  const { width, height } = canvas;
  const [left, right, top, bottom] = [46, 14, 14, 30];
  const highest = Math.max(...losses, 0.01);
  const x = (i) => left + ((width - left - right) * i) / Math.max(1, losses.length - 1);
  const y = (loss) => height - bottom - ((height - top - bottom) * loss) / highest;
  context.font = "13px system-ui, sans-serif";
  context.fillStyle = context.strokeStyle = colour("--faint");
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(left, height - bottom);
  context.lineTo(width - right, height - bottom);
  context.stroke();
  context.textAlign = "right";
  context.fillText(highest.toFixed(2), left - 6, top + 5);
  context.fillText("0", left - 6, height - bottom + 4);
  context.textAlign = "center";
  context.fillText("training steps", (left + width - right) / 2, height - 8);
  context.textAlign = "left";
  context.fillText("loss of your drawing", left + 8, top + 5);
  context.strokeStyle = context.fillStyle = colour("--accent");
  context.lineWidth = 2.5;
  context.beginPath();
  losses.forEach((loss, i) => context.lineTo(x(i), y(loss)));
  context.stroke();
  losses.forEach((loss, i) => {
    context.beginPath();
    context.arc(x(i), y(loss), 3, 0, 2 * Math.PI);
    context.fill();
  });
  context.lineWidth = 1;
}
