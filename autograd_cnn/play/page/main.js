// The page: what is drawn goes to the server, and what comes back into the panels.

import { describeNode, drawGraph, shapeOf } from "./graph.js";
import { Pad } from "./pad.js";
import { drawCurve, drawImage, drawMaps, drawSigned } from "./pictures.js";
import { about, ask, askAboutPicture, follow, Refused } from "./requests.js";

const $ = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, still.matches ? 0 : milliseconds));

let network = null;
let current = null; // the last answer: its pixels are what the panels work on
let openNode = null; // the number of the node that is open, once the graph is drawn

// --- What can go wrong -----------------------------------------------------------------------------------------------

function complain(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Refused)) throw error;
  const text = error.message;
  $("problem").textContent = text.charAt(0).toUpperCase() + text.slice(1) + (/[.?]$/.test(text) ? "" : ".");
}

// --- The drawing, and the answer to it -------------------------------------------------------------------------------

const pad = new Pad($("pad"), $("cursor"), (goesOn) => {
  read(goesOn);
});

let asking = false;
let waiting = null;

// One request at a time: of the drawings that come while one is answered, the last is asked about next.
async function read(goesOn, file = null) {
  waiting = { goesOn, file, since: performance.now() };
  if (asking) return;
  asking = true;
  $("bars").ariaBusy = "true";
  try {
    while (waiting) {
      const { goesOn: unfinished, file: given, since } = waiting;
      waiting = null;
      if (!given && pad.empty) {
        forget();
        continue;
      }
      try {
        const answer = await askAboutPicture(given ?? pad.toFile());
        if (answer.unread && unfinished) continue; // half a digit may look like none, or two
        if (answer.unread) throw new Refused(answer.unread);
        show(answer, unfinished);
        const took = performance.now() - since;
        document.body.dataset.took = took;
        $("time").textContent = `${Math.round(took)} ms from the stroke to this answer`;
      } catch (error) {
        forget();
        complain(error);
      }
    }
  } finally {
    asking = false;
    $("bars").ariaBusy = "false";
  }
}

function forget() {
  current = null;
  $("verdict").textContent = "Draw something.";
  $("time").textContent = "";
  $("problem").textContent = "";
}

function show(answer, unfinished) {
  current = answer;
  $("problem").textContent = "";
  const name = network.classes[answer.label];
  showProbabilities(answer);
  drawImage($("seen-image"), answer.pixels);
  $("seen-image").setAttribute("aria-label", `What the network sees: ${shapeOf(answer.pixels.shape.slice(1))} pixels`);
  showLayers(answer.layers);
  $("time").textContent = "";
  if (unfinished) return;
  // A screen reader is told when a stroke has ended, not at each point of it.
  $("verdict").textContent = `It reads ${name}, with ${percent(answer.probabilities.values[answer.label])}.`;
  $("saliency-class").value = $("graph-class").value = answer.label;
  showSaliency();
  if (openNode !== null) showGraph().catch(complain);
}

function showProbabilities({ label, probabilities }) {
  [...$("bars").children].forEach((bar, i) => {
    const share = probabilities.values[i];
    bar.classList.toggle("first", i === label);
    bar.querySelector(".fill").style.width = `${100 * share}%`;
    bar.querySelector(".number").textContent = percent(share);
  });
}

function showLayers(layers) {
  const list = $("layer-list");
  if (list.children.length !== layers.length) {
    list.replaceChildren(...layers.map(() => {
      const block = document.createElement("div");
      block.className = "layer";
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      block.append(document.createElement("h3"), canvas);
      return block;
    }));
  }
  const room = list.clientWidth;
  layers.forEach((layer, i) => {
    const [title, canvas] = list.children[i].children;
    const op = layer.name === layer.op ? "" : ` ${layer.op}`;
    const range = `${layer.low.toPrecision(3)} to ${layer.high.toPrecision(3)}`;
    const what = document.createElement("span");
    what.textContent = `${op} → ${shapeOf(layer.shape.slice(1))}, from ${range}`;
    title.replaceChildren(layer.name, what);
    canvas.setAttribute("aria-label", `Output of ${layer.name}${op}, ${shapeOf(layer.shape.slice(1))}`);
    drawMaps(canvas, layer.maps, room);
  });
}

// --- Saliency --------------------------------------------------------------------------------------------------------

const chosen = (id) => Number($(id).value);

async function showSaliency() {
  if (!current) return;
  const target = chosen("saliency-class");
  try {
    const { pixels, gradient, score } = await ask("saliency", { pixels: current.pixels.sent, target });
    drawSigned($("saliency-image"), gradient, pixels);
    const name = network.classes[target];
    const most = gradient.values.reduce((best, value) => Math.max(best, Math.abs(value)), 0);
    $("saliency-text").textContent = `The score of ${name} is ${score.toFixed(2)}; one pixel changes it by up to ` +
      `${most.toFixed(2)} if it goes from black to white at this rate.`;
    $("saliency-image").setAttribute("aria-label", `Gradient of the score of ${name} by the pixels`);
  } catch (error) {
    complain(error);
  }
}

// --- What takes several steps ----------------------------------------------------------------------------------------

// A button that starts something, and stops it while it is running.
function startable(id, work) {
  const button = $(id);
  const told = button.closest("section").querySelector("[role=status]");
  const name = button.textContent;
  let stop = null;
  button.addEventListener("click", async () => {
    if (stop) {
      stop.abort();
      return;
    }
    stop = new AbortController();
    button.textContent = "Stop";
    told?.setAttribute("aria-busy", "true"); // a screen reader waits for the end
    try {
      await work(stop.signal);
    } catch (error) {
      complain(error);
    } finally {
      stop = null;
      button.textContent = name;
      told?.setAttribute("aria-busy", "false");
    }
  });
}

function needsDrawing() {
  if (!current) throw new Refused("Draw something first, or press “Show me one”.");
  return current.pixels;
}

startable("nudge-start", async (signal) => {
  const start = needsDrawing();
  const target = chosen("nudge-class");
  const name = network.classes[target];
  let last = null;
  for await (const step of follow("nudge", { pixels: start.sent, target }, signal)) {
    last = step;
    drawImage($("nudge-image"), step.pixels);
    const change = { shape: start.shape, values: step.pixels.values.map((value, i) => value - start.values[i]) };
    drawSigned($("nudge-change"), change);
    $("nudge-text").textContent = `Step ${step.step}: ${network.classes[step.label]}, ` +
      `${name} ${percent(step.probabilities.values[target])}`;
    await pause(60);
    if (signal.aborted) return;
  }
  const took = `a mean change of ${percent(last.mean)} of a pixel's range, at most ${percent(last.largest)}, and ` +
    `${last.norm.toFixed(2)} in Euclidean norm`;
  $("nudge-text").textContent = last.reached
    ? (last.step ? `It reads ${name} after ${last.step} steps. That took ${took}.` : `It reads ${name} already.`)
    : `It does not read ${name} after ${last.step} steps: ${took}.`;
  $("nudge-image").setAttribute("aria-label", `Your drawing, changed until it reads ${network.classes[last.label]}`);
  $("nudge-change").setAttribute("aria-label", `The change: ${took}`);
});

startable("dream-start", async (signal) => {
  const target = chosen("dream-class");
  const name = network.classes[target];
  const seed = Math.floor(Math.random() * 2 ** 31);
  for await (const step of follow("dream", { target, seed }, signal)) {
    drawImage($("dream-image"), step.pixels);
    const sure = percent(step.probabilities.values[target]);
    $("dream-text").textContent = `Step ${step.step} of ${step.steps}: ${name} ${sure}`;
    await pause(15);
    if (signal.aborted) return;
  }
  $("dream-image").setAttribute("aria-label", `What the network thinks that ${name} looks like`);
});

startable("learn-start", async (signal) => {
  const pixels = needsDrawing();
  const target = chosen("learn-class");
  const name = network.classes[target];
  const losses = [];
  let [first, last] = [null, null];
  for await (const step of follow("learn", { pixels: pixels.sent, target }, signal)) {
    first ??= step;
    last = step;
    if (!step.ended) losses.push(step.loss);
    drawCurve($("learn-curve"), losses);
    showProbabilities(step);
    $("learn-text").textContent = `Step ${step.step}: ${name} ${percent(step.probabilities.values[target])}, ` +
      `loss ${step.loss.toFixed(3)}`;
    await pause(30);
  }
  const old = last.accuracy === null ? "It had no old images to be reminded of."
    : `Of the old images it reads ${percent(last.accuracy)}; before, ${percent(first.accuracy)}.`;
  const now = `${name} has ${percent(last.probabilities.values[target])}, loss ${last.loss.toFixed(3)}`;
  $("learn-text").textContent = last.step === 0 ? `It knows that already: ${now}.`
    : `${last.learned ? "Learned" : "It is not convinced"} after ${last.step} steps: ${now}. ${old}`;
  $("learn-curve").setAttribute("aria-label",
    `Loss of your drawing: ${first.loss.toFixed(2)} at first, ${last.loss.toFixed(3)} after ${last.step} steps`);
  lessons(last.lessons);
  await again();
});

$("learn-undo").addEventListener("click", async () => {
  try {
    lessons((await ask("undo")).lessons);
    $("learn-text").textContent = "The last lesson is undone.";
    await again();
  } catch (error) {
    complain(error);
  }
});

function lessons(count) {
  $("learn-undo").disabled = !count;
}

// Ask again about the same pixels: the network has changed.
async function again() {
  if (current) show(await ask("answer", { pixels: current.pixels.sent }), false);
}

// --- The graph -------------------------------------------------------------------------------------------------------

async function showGraph() {
  const { nodes } = await ask("computation", { pixels: needsDrawing().sent, target: chosen("graph-class") });
  drawGraph($("graph-view"), nodes, openNode, (number) => {
    openNode = number;
    describeNode($("graph-node"), nodes[number]);
  });
}

startable("graph-start", showGraph);

// --- Beginning -------------------------------------------------------------------------------------------------------

async function showPhotograph(file) {
  if (!file) return;
  try {
    pad.show(await createImageBitmap(file));
  } catch {
    pad.clear(); // the browser does not know the format; the server may
  }
  read(false, file);
}

async function showExample() {
  try {
    const answer = await ask("example");
    const [channels, height, width] = answer.pixels.shape;
    const paper = (value) => (channels === 1 ? 1 - value : value); // dark ink on white, as one draws it
    const inked = { shape: answer.pixels.shape, values: answer.pixels.values.map(paper) };
    const canvas = document.createElement("canvas");
    drawImage(canvas, inked);
    pad.show(canvas, false);
    show(answer, false);
    $("verdict").textContent += ` It is labelled ${network.classes[answer.truth]}.`;
  } catch (error) {
    complain(error);
  }
}

function offerClasses() {
  for (const id of ["saliency", "nudge", "dream", "learn", "graph"]) {
    const select = $(`${id}-class`);
    network.classes.forEach((name, i) => select.add(new Option(name, i)));
  }
  const usual = Math.min(7, network.classes.length - 1);
  $("dream-class").value = usual;
  $("nudge-class").value = Math.min(3, usual);
  $("bars").replaceChildren(...network.classes.map((name) => {
    const bar = document.createElement("li");
    const [label, track, fill, number] = ["span", "div", "div", "span"].map((tag) => document.createElement(tag));
    label.textContent = name;
    track.className = "track";
    fill.className = "fill";
    number.className = "number";
    number.textContent = "–";
    track.append(fill);
    bar.append(label, track, number);
    return bar;
  }));
}

async function begin() {
  network = await about();
  const trained = network.data ? `, trained on ${network.data}` : "";
  $("model").textContent = `The network: ${network.name}, ${network.parameters.toLocaleString("en")} parameters` +
    `${trained}. It tells ${network.classes.length} classes apart.`;
  if (!network.reads_digits) {
    $("seen-help").textContent = "The pixels that reach the network, in its size and colours.";
  }
  offerClasses();
  lessons(network.lessons);
  document.body.dataset.ready = "yes";
}

$("clear").addEventListener("click", () => pad.clear());
$("undo-stroke").addEventListener("click", () => pad.undo());
$("example").addEventListener("click", showExample);
$("photograph").addEventListener("change", (event) => showPhotograph(event.target.files[0]));
$("saliency-class").addEventListener("change", showSaliency);
$("graph-class").addEventListener("change", () => { if (openNode !== null) showGraph().catch(complain); });
for (const name of ["dragover", "dragleave", "drop"]) {
  window.addEventListener(name, (event) => {
    event.preventDefault(); // a photograph dropped beside the pad would replace the page
    $("pad").classList.toggle("over", name === "dragover");
    if (name === "drop") showPhotograph(event.dataTransfer.files[0]);
  });
}

begin().catch(complain);
