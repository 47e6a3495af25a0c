// Charts over time: the server's picture, made one to zoom in with uPlot. What it shows and its colours are the figure's
// own: colours are read from the drawn lines, so they follow the theme.
const HEIGHT = 212, AXIS = 56, DAY = 86_400;
// What is counted has no halves.
const WHOLE = [0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));
const shown = new Set();

function number(value) {
  const small = Math.abs(value) < 100 && !Number.isInteger(value);
  return value.toLocaleString("en-US", { maximumFractionDigits: small ? (Math.abs(value) < 1 ? 3 : 1) : 0 });
}

function span(ms) {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`;
  return seconds < 3570 ? `${number(seconds / 60)} min` : `${number(seconds / 3600)} h`;
}

function spelled(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "ms") return span(value);
  if (unit === "usd") return `$${value >= 1 || value === 0 ? value.toFixed(2) : value.toPrecision(3)}`;
  return unit === "percent" ? `${number(value)}%` : number(value);
}

// A bar stands on those below it: the sums up to it are drawn, the highest first.
function stacked(series, count) {
  const sums = new Array(count).fill(0);
  return series.map(({ values }) => values.map((value, place) => (sums[place] += value ?? 0)));
}

function upgrade(figure) {
  const chart = JSON.parse(figure.dataset.chart);
  const plot = figure.querySelector(".chart-plot");
  if (!plot || chart.at.length < 2) return;
  const bars = chart.kind === "bars", step = chart.at[1] - chart.at[0];
  const picture = plot.querySelector("svg");
  const marks = [...figure.querySelectorAll(".legend > span")];
  const colour = (place) => getComputedStyle(marks[place]).outlineColor;
  const line = () => getComputedStyle(picture.querySelector(".chart-grid")).stroke;
  const text = () => getComputedStyle(figure.querySelector(".chart-table > summary")).color;
  // The middle of its bucket is where a value stands.
  const at = chart.at.map((begin) => begin + step / 2);
  const columns = bars ? stacked(chart.series, at.length).reverse() : chart.series.map(({ values }) => values);
  const order = chart.series.map((_, place) => (bars ? chart.series.length - 1 - place : place));
  const series = order.map((place) => ({
    label: chart.series[place].name,
    stroke: bars ? undefined : () => colour(place),
    fill: bars ? () => colour(place) : undefined,
    width: bars ? 0 : 2,
    points: { show: bars ? false : undefined, size: 5 },
    spanGaps: false,
    paths: bars ? uPlot.paths.bars({ size: [0.76, 60] }) : undefined,
    value: (_, __, ___, index) => spelled(index === null ? null : chart.series[place].values[index], chart.unit),
  }));
  const bands = [];
  if (chart.band) {
    const low = series.push({ label: "", stroke: "transparent", points: { show: false } }, { label: "", stroke: "transparent", points: { show: false } });
    columns.push(chart.band.high, chart.band.low);
    bands.push({ series: [low - 1, low], fill: () => `color-mix(in srgb, ${text()} 16%, transparent)` });
  }

  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px Inter, sans-serif" };
  const made = new uPlot(
    {
      width: plot.clientWidth || 600,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: { x: { time: true, range: (_, low, high) => (low === at[0] && high === at.at(-1) ? [low - step / 2, high + step / 2] : [low, high]) }, y: { range: (_, __, high) => [0, high > 0 ? high * 1.08 : 1] } },
      series: [{ label: "UTC", value: (_, __, ___, index) => (index === null ? "–" : chart.labels[index]) }, ...series],
      bands,
      axes: [
        { ...axis, grid: { show: false }, space: 64, values: (_, ticks) => ticks.map((tick) => tickText(tick, step)) },
        { ...axis, size: AXIS, space: 44, ...(["ms", "usd", "percent", "tokens"].includes(chart.unit) ? {} : { incrs: WHOLE }), values: (_, ticks) => ticks.map((tick) => spelled(tick, chart.unit)) },
      ],
      cursor: { y: false, points: { show: !bars }, drag: { x: true, y: false } },
      hooks: { draw: [(u) => paleUnfinished(u, chart, step)] },
    },
    [at, ...columns],
    (u, start) => {
      plot.append(u.root);
      figure.classList.add("is-zoomable");
      start();
    },
  );
  if (chart.band) for (const row of [...made.root.querySelectorAll(".u-legend .u-series")].slice(-2)) row.hidden = true;
  lead(made, chart);
  hint(figure);
  shown.add({ figure, plot, made });
}

const HOURS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const DAYS = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

function tickText(seconds, step) {
  const moment = new Date(seconds * 1000);
  return step >= DAY || seconds % DAY === 0 ? DAYS.format(moment) : HOURS.format(moment);
}

function paleUnfinished(u, chart, step) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.globalAlpha = 0.5;
  ctx.globalCompositeOperation = "destination-out";
  for (const place of chart.unfinished) {
    const left = Math.max(u.valToPos(chart.at[place], "x", true), bbox.left);
    const right = Math.min(u.valToPos(chart.at[place] + step, "x", true), bbox.left + bbox.width);
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}

// A click goes to the list behind the bucket; a drag zooms, and a double click shows the whole again.
function lead(u, chart) {
  if (!chart.hrefs.some(Boolean)) return;
  let pressed = null;
  u.over.addEventListener("mousedown", (event) => (pressed = event.clientX));
  u.over.addEventListener("mousemove", () => u.over.classList.toggle("leads", Boolean(chart.hrefs[u.cursor.idx])));
  let waiting = 0;
  u.over.addEventListener("click", (event) => {
    const href = chart.hrefs[u.cursor.idx];
    if (!href || pressed === null || Math.abs(event.clientX - pressed) > 4) return;
    clearTimeout(waiting);
    if (event.detail === 1) waiting = setTimeout(() => location.assign(href), 260);
  });
}

function hint(figure) {
  const words = document.createElement("span");
  words.className = "chart-hint";
  words.textContent = "Drag to zoom, double click for all";
  figure.querySelector("figcaption").append(words);
}

function look(root) {
  for (const figure of root.querySelectorAll?.("figure[data-chart]:not(.is-zoomable)") ?? []) upgrade(figure);
}

function each(act) {
  for (const entry of shown) if (entry.figure.isConnected) act(entry); else { entry.made.destroy(); shown.delete(entry); }
}

const redraw = () => each(({ made }) => made.redraw(false));
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("resize", () => each(({ plot, made }) => made.setSize({ width: plot.clientWidth, height: HEIGHT })));
document.addEventListener("htmx:load", (event) => look(event.target));
document.fonts.ready.then(redraw);
look(document);
