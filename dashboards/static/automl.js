// What the pages do beyond reading: charts, sorting and filtering of tables, copying, news. All of it is optional.
//
// <figure class="chart"><div class="plot">a still picture</div><script type="application/json">{data, layout}</script>...</figure>
// <table data-sortable id="x">, <input data-filter="x">, <td data-sort="0.12"> where the text does not sort
// <button data-copy="id of an element">, <div data-live="/address" data-seconds="5">
"use strict";

const automl = {
  // The colours of the style sheet, so that charts follow light and dark.
  colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  },

  // A layout in the colours and the letters of the page.
  themed(layout) {
    const ink = automl.colour("ink"), axis = { gridcolor: automl.colour("grid"), zerolinecolor: automl.colour("grid"), linecolor: automl.colour("line"), automargin: true };
    const made = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: getComputedStyle(document.body).fontFamily, size: 13 },
      hoverlabel: { bgcolor: automl.colour("card"), bordercolor: automl.colour("line"), font: { color: ink } },
      margin: { l: 56, r: 16, t: 12, b: 44 },
      ...layout,
      legend: { traceorder: "normal", ...(layout.legend ?? {}) },
    };
    for (const key of Object.keys({ xaxis: 0, yaxis: 0, ...layout }).filter((key) => /^[xy]axis\d*$/.test(key))) {
      made[key] = { ...axis, ...(layout[key] ?? {}) };
    }
    return made;
  },

  // Draw a plotly figure into an element, in place of the still picture; a chart that is drawn again keeps its zoom.
  draw(element, figure) {
    if (!element.figure) element.replaceChildren();
    element.figure = figure;
    if (figure.layout?.height) element.style.minHeight = `${figure.layout.height}px`;
    const options = { responsive: true, displaylogo: false, displayModeBar: false };
    return Plotly.react(element, figure.data, automl.themed(figure.layout ?? {}), options);
  },

  // Draw the chart of a <figure class="chart"> from the numbers in it.
  drawOf(figure) {
    const element = figure.querySelector(".plot"), source = figure.querySelector('script[type="application/json"]');
    if (element && source && !element.figure) automl.draw(element, JSON.parse(source.textContent));
  },

  // Draw charts when they come near the view, so that a page of many is quick.
  drawAll(root) {
    if (typeof Plotly === "undefined") return;
    const near = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          near.unobserve(target);
          automl.drawOf(target);
        }
      },
      { rootMargin: "300px" },
    );
    for (const figure of root.querySelectorAll("figure.chart")) near.observe(figure);
  },

  // Say something to those who listen instead of look.
  say(words) {
    let place = document.getElementById("said");
    if (!place) {
      place = Object.assign(document.createElement("div"), { id: "said", className: "unseen" });
      place.setAttribute("role", "status");
      document.body.append(place);
    }
    place.textContent = words;
  },
};

// Tables: a click on a head sorts, numbers as numbers, empty cells last.
function sortable(table) {
  for (const [at, head] of [...table.tHead.rows[0].cells].entries()) {
    if (!head.textContent.trim() || head.querySelector("button")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sortBy(table, at));
  }
}

function sortBy(table, at) {
  const head = table.tHead.rows[0].cells[at];
  const before = head.getAttribute("aria-sort"), down = before ? before === "ascending" : head.classList.contains("n");
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row.cells[at]), row]);
  rows.sort(([a], [b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
    return down ? -order : order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

function value(cell) {
  const text = (cell?.dataset.sort ?? cell?.textContent ?? "").trim();
  if (text === "" || text === "-") return "";
  return Number.isNaN(Number(text)) ? text : Number(text);
}

// A filter shows the rows that hold every word.
function filters(input) {
  const table = document.getElementById(input.dataset.filter);
  if (!table) return;
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    automl.say(`${shown} rows`);
  };
  input.addEventListener("input", filter);
  if (input.value) filter();
}

// A part of the page that changes while the page stays: asked for again, and replaced only if it is another one.
function lives(part) {
  const seconds = Number(part.dataset.seconds ?? 5);
  let last = null, failures = 0;
  const ask = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(part.dataset.live, { headers: { Accept: "text/html" } });
        if (answer.status === 401) return location.reload();
        if (!answer.ok) throw new Error(answer.statusText);
        const text = await answer.text();
        if (text !== last) replace(part, text);
        last = text;
        failures = 0;
      } catch {
        failures += 1;
      }
      document.body.classList.toggle("stale", failures > 1);
    }
    setTimeout(ask, 1000 * Math.min(seconds * 2 ** failures, 60));
  };
  setTimeout(ask, 1000 * seconds);
}

function replace(part, text) {
  const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const parsed = new DOMParser().parseFromString(text, "text/html");
  part.replaceChildren(...parsed.body.childNodes);
  if (focused) part.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
  enliven(part);
}

function enliven(root) {
  automl.drawAll(root);
  for (const time of root.querySelectorAll("time[datetime]")) time.title = new Date(time.dateTime).toLocaleString();
  root.querySelectorAll("table[data-sortable]").forEach(sortable);
  root.querySelectorAll("input[data-filter]").forEach(filters);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent.trim();
  await navigator.clipboard.writeText(text);
  automl.say("copied");
  const words = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = words), 1500);
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const element of document.querySelectorAll(".plot")) if (element.figure) automl.draw(element, element.figure);
});

enliven(document);
document.querySelectorAll("[data-live]").forEach(lives);
