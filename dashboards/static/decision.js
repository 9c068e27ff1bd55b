// The threshold in the hand: everything on the page follows it. The numbers come from the server; nothing but the cost,
// which is two products and a sum, is worked out here.
"use strict";

const place = document.getElementById("numbers");
if (place) hand(JSON.parse(place.textContent));

function hand({ columns, at: best, n_days: days, costs }) {
  const byId = (id) => document.getElementById(id);
  const slider = byId("threshold"), last = columns.threshold.length - 1;
  let at = best, isQueued = false;

  const price = (id, fallback) => {
    const text = byId(id)?.value.trim() ?? "", value = text === "" ? 1 : Number(text);
    return Number.isFinite(value) && value >= 0 ? value : fallback;
  };
  const cost = (i, [fp, fn]) => fp * columns.fp[i] + fn * columns.fn[i];

  function show() {
    isQueued = false;
    const here = Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[at]]));
    const marked = here.tp + here.fp, rows = marked + here.fn + here.tn;
    const prices = [price("fp", costs[0]), price("fn", costs[1])];
    const texts = {
      "threshold-shown": words(here.threshold), tp: words(here.tp), "fp-count": words(here.fp), "fn-count": words(here.fn), tn: words(here.tn),
      precision: words(here.precision), recall: words(here.recall), f1: words(here.f1), cost: words(cost(at, prices)),
      "precision-band": `${words(here.precision_low)} to ${words(here.precision_high)}`,
      "recall-band": `${words(here.recall_low)} to ${words(here.recall_high)}`,
      "fp-price": words(prices[0]), "fn-price": words(prices[1]),
      alarms: String(Math.round(10 * (days ? marked / days : (1000 * marked) / rows)) / 10),
      "said-here": `At ${words(here.threshold)}, ${words(marked)} of ${words(rows)} rows are marked: ${words(here.tp)} rightly, ${words(here.fp)} not. Of ${words(here.tp + here.fn)} positives ${words(here.fn)} are missed.`,
    };
    for (const [id, text] of Object.entries(texts)) byId(id).textContent = text;
    slider.value = at;
    slider.setAttribute("aria-valuetext", words(here.threshold));
    byId("back").disabled = at === best;
    if (byId("logit")) {
      byId("logit").value = at === best ? "" : String(here.logit);
      byId("what").textContent = at === best ? "the best threshold found" : `the threshold ${words(here.threshold)}, set by hand,`;
    }
    const curve = columns.threshold.map((_, i) => cost(i, prices));
    point("pr", here.recall, here.precision);
    point("price", here.threshold, curve[at], curve);
  }

  // Move the point of a chart, and redraw its curve where that changed.
  function point(id, x, y, curve) {
    const element = byId(id).querySelector(".plot"), data = element.figure?.data;
    if (!data) return;
    const dot = data.find((trace) => trace.name === "this threshold");
    Object.assign(dot, { x: [x], y: [y], marker: { ...dot.marker, size: 13, opacity: 1, line: { width: 2, color: automl.colour("card") } } });
    const saved = data.find((trace) => trace.name === "saved");
    if (saved) saved.marker.size = 9;
    if (curve) data[0].y = curve;
    automl.draw(element, element.figure);
  }

  function move(to) {
    at = Math.min(Math.max(Math.round(to), 0), last);
    if (!isQueued) requestAnimationFrame(show);
    isQueued = true;
  }

  const nearest = (distances) => distances.reduce((best, distance, i) => (distance < distances[best] ? i : best), 0);

  slider.closest(".slider").hidden = false;
  slider.addEventListener("input", () => move(slider.value));
  byId("back").addEventListener("click", () => move(best));
  byId("go").addEventListener("change", (event) => {
    const wanted = Number(event.target.value);
    if (event.target.value.trim() !== "" && Number.isFinite(wanted)) move(nearest(columns.threshold.map((value) => Math.abs(value - wanted))));
  });
  byId("go").addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
    if (event.key === "Enter") event.target.dispatchEvent(new Event("change"));
  });
  for (const id of ["fp", "fn"]) byId(id)?.addEventListener("input", () => move(at));
  for (const [id, column] of [["pr", "recall"], ["price", "threshold"]]) {
    automl.drawOf(byId(id));
    const plot = byId(id).querySelector(".plot");
    plot.on?.("plotly_click", ({ points: [{ x, y }] }) => {
      const across = columns[column].map((value) => Math.abs(value - x));
      move(nearest(column === "recall" ? across.map((d, i) => d + Math.abs(columns.precision[i] - y)) : across));
    });
  }
  show();
}

// A number as the server writes it, with about four digits that matter.
function words(value) {
  if (value === null || Number.isNaN(value)) return "-";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return String(value);
  return size >= 0.01 && size < 1000 ? value.toFixed(4) : String(Number(value.toPrecision(4)));
}
