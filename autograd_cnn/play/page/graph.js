// The graph of a computation as SVG: ops from top to bottom, parameters at the right of the op that takes them.

import { drawHistogram, drawMaps } from "./pictures.js";

const [BOX, TALL, COLUMN, ROW, EDGE] = [164, 42, 188, 72, 36];
const SVG = "http://www.w3.org/2000/svg";

const make = (name, attributes = {}, text = "") => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
};

export const shapeOf = (shape) => shape.join("×") || "one number";

// Draw the nodes in `view`; `open` is called with the number of the one that is chosen, at first `chosen`, or the loss.
export function drawGraph(view, nodes, chosen, open) {
  const places = nodes.map(placeOf);
  const width = Math.max(...places.map(({ x }) => x)) + BOX / 2 + EDGE;
  const height = Math.max(...places.map(({ y }) => y)) + TALL / 2 + 20;
  const svg = make("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  svg.append(arrowHead());
  nodes.forEach((node, number) => {
    for (const source of node.sources) svg.append(edge(places[source], places[number]));
  });
  const boxes = nodes.map((node, number) => box(node, places[number]));
  const choose = (number) => {
    boxes.forEach((each, i) => each.setAttribute("aria-pressed", i === number));
    open(number);
  };
  // In the order of the rows, so that the Tab key goes from the top to the bottom.
  const order = boxes.map((_, i) => i).sort((i, j) => places[i].y - places[j].y || places[i].x - places[j].x);
  for (const i of order) {
    boxes[i].addEventListener("click", () => choose(i));
    boxes[i].addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(i);
    });
    svg.append(boxes[i]);
  }
  view.replaceChildren(svg);
  choose(chosen in nodes ? chosen : nodes.findIndex((node) => node.kind === "loss"));
}

const placeOf = ({ row, column }) => ({ x: EDGE + BOX / 2 + column * COLUMN, y: 24 + TALL / 2 + row * ROW });

function edge(from, to) {
  let path;
  if (from.y === to.y) {
    // From the right; over the boxes between them, if there are any.
    path = from.x - to.x > COLUMN
      ? `M ${from.x} ${from.y - TALL / 2} v -9 H ${to.x + BOX / 3} v 9`
      : `M ${from.x - BOX / 2} ${from.y} H ${to.x + BOX / 2}`;
  } else if (to.y - from.y > ROW) {
    // Past the rows between them: at the left, or down the column where it begins.
    const out = from.x - BOX / 2 - EDGE / 2;
    path = from.x === to.x
      ? `M ${from.x - BOX / 2} ${from.y} Q ${out} ${from.y} ${out} ${from.y + 24} V ${to.y - 24} ` +
        `Q ${out} ${to.y} ${to.x - BOX / 2} ${to.y}`
      : `M ${from.x} ${from.y + TALL / 2} V ${to.y} H ${to.x + (Math.sign(from.x - to.x) * BOX) / 2}`;
  } else {
    path = `M ${from.x} ${from.y + TALL / 2} L ${to.x} ${to.y - TALL / 2}`;
  }
  return make("path", { class: "edge", d: path, "marker-end": "url(#arrow)" });
}

function arrowHead() {
  const marker = make("marker", {
    id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto",
  });
  marker.append(make("path", { class: "arrow", d: "M 0 0 L 8 4 L 0 8 Z" }));
  const definitions = make("defs");
  definitions.append(marker);
  return definitions;
}

function box(node, { x, y }) {
  const group = make("g", {
    class: `node ${node.kind}`, tabindex: 0, role: "button", "aria-pressed": false,
    "aria-label": `${node.name}, ${node.kind}, ${shapeOf(node.shape)}`,
  });
  const name = node.name.length > 21 ? `${node.name.slice(0, 9)}…${node.name.slice(-11)}` : node.name;
  group.append(
    make("rect", { x: x - BOX / 2, y: y - TALL / 2, width: BOX, height: TALL, rx: node.kind === "parameter" ? 3 : 12 }),
    make("text", { x, y: y - 3 }, name),
    make("text", { x, y: y + 13, class: "shape" }, shapeOf(node.shape)),
  );
  return group;
}

// What a node holds, in words, pictures and histograms.
export function describeNode(view, node) {
  const title = document.createElement("h3");
  title.textContent = node.name;
  const kind = document.createElement("p");
  const kinds = { op: "the result of an op", loss: "the loss, where the gradients start", parameter: "a parameter",
    input: "what the network sees" };
  kind.textContent = `${kinds[node.kind]}: ${shapeOf(node.shape)} in ${node.dtype}`;
  view.replaceChildren(title, kind, ...part("Value", node.value), ...part("Gradient", node.gradient));
}

function part(name, found) {
  const title = document.createElement("h4");
  title.textContent = name;
  if (!found) {
    const none = document.createElement("p");
    none.textContent = "none: the loss does not depend on it";
    return [title, none];
  }
  const table = document.createElement("table");
  for (const key of ["min", "mean", "max"]) {
    const row = table.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = key;
    row.append(head);
    row.insertCell().textContent = found[key].toPrecision(4);
  }
  if (found.histogram.reduce((sum, count) => sum + count) === 1) return [title, table];
  const histogram = document.createElement("canvas");
  histogram.setAttribute("role", "img");
  histogram.setAttribute("aria-label", `Histogram from ${found.min.toPrecision(3)} to ${found.max.toPrecision(3)}`);
  drawHistogram(histogram, found.histogram);
  if (!found.image) return [title, table, histogram];
  const picture = document.createElement("canvas");
  picture.setAttribute("role", "img");
  const scale = found.signed ? "grey is 0, white above, black below" : "black is the least, white the most";
  picture.setAttribute("aria-label", `The numbers as a picture: ${scale}`);
  drawMaps(picture, found.image, 300);
  const caption = document.createElement("p");
  caption.className = "small";
  caption.textContent = scale;
  return [title, table, histogram, picture, caption];
}
