// The map of signs on a canvas: sentences by filters, with zoom, cursor and keys.
import { BLUE, CLUSTERS, GREEN, GREY, RED, css } from "./colours.js";
import { make } from "./elements.js";

const STRIP = 9, EDGE = 2 * STRIP + 4, LABELS = 18, STEP = 1.5, KEY_ZOOM = 1.5;
const POLARITY = { positive: BLUE, negative: RED, dead: GREY };

// `filters` and `sentences` are the orders of columns and rows; `tell` hears of the cell under the
// pointer or the cursor, `open` of the filter that was chosen.
export function signsMap({ signs, filters, sentences, roles, scores, clusters, tell, open, signal }) {
  const [columns, rows] = [filters.length, sentences.length];
  const image = paint(signs, filters, sentences);
  const canvas = make("canvas", {
    class: "map", tabindex: 0, role: "application",
    "aria-label": `Signs of conductance, ${rows} sentences by ${columns} filters. Arrow keys move, plus and minus zoom, Enter opens the filter's card.`,
  });
  const view = { zoom: 1, x: 0, y: 0 };  // the part shown, from (x, y), as shares of the whole
  let cursor = null, last = null;

  const wide = () => canvas.clientWidth - EDGE, high = () => canvas.clientHeight - EDGE - LABELS;
  const deepest = () => Math.max(4, 18 * rows / high(), 40 * columns / wide());
  const place = (column, row) => [
    EDGE + (column / columns - view.x) * view.zoom * wide(),
    EDGE + LABELS + (row / rows - view.y) * view.zoom * high(),
  ];

  function cellAt(x, y) {
    const column = Math.floor(((x - EDGE) / wide() / view.zoom + view.x) * columns);
    const row = Math.floor(((y - EDGE - LABELS) / high() / view.zoom + view.y) * rows);
    const inside = x >= EDGE && y >= EDGE + LABELS && column >= 0 && column < columns && row >= 0 && row < rows;
    return inside ? { column, row } : null;
  }

  function move(x, y) {
    const most = 1 - 1 / view.zoom;
    view.x = Math.min(Math.max(x, 0), most);
    view.y = Math.min(Math.max(y, 0), most);
    canvas.style.touchAction = view.zoom > 1 ? "none" : "pan-y";
    requestDraw();
  }

  // About a point of the canvas, which stays where it is.
  function zoom(factor, x = EDGE + wide() / 2, y = EDGE + LABELS + high() / 2) {
    const before = view.zoom;
    view.zoom = Math.min(Math.max(before * factor, 1), deepest());
    const change = 1 / before - 1 / view.zoom;
    move(view.x + ((x - EDGE) / wide()) * change, view.y + ((y - EDGE - LABELS) / high()) * change);
    return view.zoom !== before;
  }

  function point(cell) {
    cursor = cell;
    if (cell && (cell.column !== last?.column || cell.row !== last?.row)) {
      const [filter, row] = [filters[cell.column], sentences[cell.row]];
      tell({ filter, row, sign: signs[row * columns + filter] });
    }
    last = cell ?? last;
    requestDraw();
  }

  let waits = false;
  function requestDraw() {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      draw();
    });
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const [left, top] = place(0, 0), [right, bottom] = place(columns, rows);
    pen.save();
    pen.beginPath();
    pen.rect(EDGE, EDGE + LABELS, wide(), high());
    pen.clip();
    pen.imageSmoothingEnabled = (bottom - top) / rows < 1;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(image, left, top, right - left, bottom - top);
    pen.restore();
    strips(pen);
    if (cursor) outline(pen);
  }

  function strips(pen) {
    const ink = getComputedStyle(canvas).color;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    const [wideCell, highCell] = [view.zoom * wide() / columns, view.zoom * high() / rows];
    pen.save();
    pen.beginPath();
    pen.rect(EDGE, 0, wide(), EDGE + LABELS);
    pen.clip();
    filters.forEach((filter, column) => {
      const [x] = place(column, 0);
      if (x + wideCell < EDGE || x > EDGE + wide()) return;
      pen.fillStyle = css(POLARITY[roles[filter].polarity]);
      pen.fillRect(x, LABELS, wideCell + 0.5, STRIP);
      pen.fillStyle = groupColour(roles[filter].cluster);
      pen.fillRect(x, LABELS + STRIP + 1, wideCell + 0.5, STRIP);
      pen.fillStyle = ink;
      if (wideCell >= 24) pen.fillText(filter, x + wideCell / 2, LABELS - 5);
    });
    pen.restore();
    pen.save();
    pen.beginPath();
    pen.rect(0, EDGE + LABELS, EDGE, high());
    pen.clip();
    sentences.forEach((row, at) => {
      const [, y] = place(0, at);
      pen.fillStyle = css(scores[row] > 0 ? BLUE : RED);
      pen.fillRect(0, y, STRIP, highCell + 0.5);
      pen.fillStyle = groupColour(clusters[row]);
      pen.fillRect(STRIP + 1, y, STRIP, highCell + 0.5);
    });
    pen.restore();
  }

  function outline(pen) {
    const [x, y] = place(cursor.column, cursor.row), [right, bottom] = place(cursor.column + 1, cursor.row + 1);
    for (const [colour, grow] of [["#fff", 1], ["#000", 2.5]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = 1.5;
      pen.strokeRect(x - grow, y - grow, right - x + 2 * grow, bottom - y + 2 * grow);
    }
  }

  const reset = () => { view.zoom = 1; move(0, 0); };
  listen({ canvas, view, zoom, move, point, cellAt, wide, high, reset, columns, rows, cursor: () => cursor ?? last, open: (cell) => open(filters[cell.column]) });
  const resized = new ResizeObserver(requestDraw);
  resized.observe(canvas);
  signal.addEventListener("abort", () => resized.disconnect());
  const button = (label, text, act) => make("button", { type: "button", "aria-label": label, onclick: act }, text);
  const buttons = [button("Zoom in", "+", () => zoom(STEP)), button("Zoom out", "−", () => zoom(1 / STEP)), button("Show all", "Show all", reset)];
  return { canvas, buttons };
}

function listen({ canvas, view, zoom, move, point, cellAt, wide, high, reset, columns, rows, cursor, open }) {
  const pointers = new Map();
  let moved = 0;
  canvas.addEventListener("wheel", (event) => {
    // Zoomed out wholly, the wheel scrolls the page again.
    if (zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY)) event.preventDefault();
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    canvas.setPointerCapture(event.pointerId);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = [event.offsetX, event.offsetY], before = pointers.get(event.pointerId);
    point(cellAt(...now));
    if (!before) return;
    if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
      zoom(apart(now) / Math.max(1, apart(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      move(view.x - (now[0] - before[0]) / wide() / view.zoom, view.y - (now[1] - before[1]) / high() / view.zoom);
    }
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    pointers.set(event.pointerId, now);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }
  canvas.addEventListener("pointerleave", () => point(null));
  canvas.addEventListener("click", (event) => {
    const cell = cellAt(event.offsetX, event.offsetY);
    if (cell && moved < 5) open(cell);
  });
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) point(cursor() ?? { column: 0, row: 0 });
  });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const at = cursor() ?? { column: 0, row: 0 };
    const centre = [EDGE + ((at.column + 0.5) / columns - view.x) * view.zoom * wide(), EDGE + LABELS + ((at.row + 0.5) / rows - view.y) * view.zoom * high()];
    if (event.key in steps) {
      const far = event.shiftKey ? 10 : 1, [x, y] = steps[event.key];
      const next = { column: Math.min(Math.max(at.column + far * x, 0), columns - 1), row: Math.min(Math.max(at.row + far * y, 0), rows - 1) };
      follow(view, move, next.column / columns, next.row / rows, 1 / columns, 1 / rows);
      point(next);
    } else if (event.key === "+" || event.key === "=") zoom(KEY_ZOOM, ...centre);
    else if (event.key === "-") zoom(1 / KEY_ZOOM, ...centre);
    else if (event.key === "0") reset();
    else if (event.key === "Enter") open(at);
    else return;
    event.preventDefault();
  });
}

// Keep a cell in view.
function follow(view, move, x, y, width, height) {
  const part = 1 / view.zoom;
  move(Math.min(Math.max(view.x, x + width - part), x), Math.min(Math.max(view.y, y + height - part), y));
}

function groupColour(cluster) {
  return cluster ? css(CLUSTERS[(cluster - 1) % CLUSTERS.length]) : "transparent";
}

// A pixel a sign, in the order in which they are shown.
function paint(signs, filters, sentences) {
  const image = make("canvas", { width: filters.length, height: sentences.length });
  const pen = image.getContext("2d"), pixels = pen.createImageData(filters.length, sentences.length);
  const colours = { 1: BLUE, 0: GREEN, "-1": RED };
  let at = 0;
  for (const row of sentences) {
    for (const filter of filters) {
      pixels.data.set(colours[signs[row * filters.length + filter]], at);
      pixels.data[at + 3] = 255;
      at += 4;
    }
  }
  pen.putImageData(pixels, 0, 0);
  return image;
}
