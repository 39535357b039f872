/* The controls of "What if?": other choices for one unit, answered by engine.js.
 *
 * Everything shown here is marked as exploration. It knows one unit and the gap to its peers, so it never says
 * whether a change is more than other units change, and never gives a verdict.
 */
"use strict";

(() => {
  const place = document.getElementById("what-if-panel");
  if (!place) return;
  const data = JSON.parse(document.getElementById("what-if-data").textContent);
  const MINUS = "\u2212", FEWEST_PEERS = 3, TRIED = /[&#]tried=(\d+)/;
  const SVG = "http://www.w3.org/2000/svg";

  /* ---- small pieces of a page ------------------------------------------------------------------------ */

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
      else if (typeof value === "boolean") element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function draw(tag, attributes, text = "") {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text;
    return element;
  }

  /* ---- numbers in words ------------------------------------------------------------------------------ */

  function decimals(width) {
    if (!(width > 0)) return 2;
    return Math.min(Math.max(1 - Math.floor(Math.log10(width)), 0), 8);
  }

  const minus = (text) => text.replace("-", MINUS);

  function told(effect, study, name) {
    const ratio = data.outcomes[study.outcome].scale === "log";
    const shown = (value) => (ratio ? 100 * Math.expm1(value) : value);
    const [estimate, low, high] = [effect.estimate, effect.low, effect.high].map(shown);
    const digits = decimals((high - low) / 4);
    const sign = estimate > 0 ? "+" : "";
    const unit = ratio ? " %" : data.outcomes[study.outcome].measure;
    const each = name === "slope" ? ` a ${data.outcomes[study.outcome].period}` : "";
    return {
      estimate: minus(`${sign}${estimate.toFixed(digits)}`) + unit + each,
      interval: minus(low.toFixed(digits)) + " to " + minus(high.toFixed(digits)),
      p: effect.p < 0.001 ? "< 0.001" : effect.p.toFixed(effect.p < 0.1 ? 3 : 2),
    };
  }

  /* ---- from settings to a study ---------------------------------------------------------------------- */

  function seasonal(outcome, season) {
    const columns = [], year = outcome.per_year;
    if (season.kind === "dummies") {
      for (let s = 0; s < year - 1; s++) {
        columns.push(outcome.places.map((place) => {
          const here = Math.min(place, year - 1);
          return here === year - 1 ? -1 : Number(here === s);
        }));
      }
    }
    for (let pair = 1; season.kind === "harmonics" && pair <= season.pairs; pair++) {
      const angle = (place) => (2 * Math.PI * place * pair) / year;
      if (2 * pair !== year) columns.push(outcome.places.map((place) => Math.sin(angle(place))));
      columns.push(outcome.places.map((place) => Math.cos(angle(place))));
    }
    return columns;
  }

  const declared = (study) => ({
    start: study.interruptions[0].start, without: [], dropped: [], season: true, order: study.order,
  });

  function prepared(study, choices) {
    const outcome = data.outcomes[study.outcome];
    const masked = outcome.periods.map((_, t) => study.masked.includes(t) || choices.without.includes(t));
    const interruptions = study.interruptions.map((item, number) =>
      (number ? item : { ...item, start: choices.start }));
    return {
      periods: outcome.periods, masked, interruptions, confidence: data.confidence,
      unit: outcome.series[study.unit], scale: outcome.scale, difference: study.design === "difference",
      peers: study.peers.filter((code) => !choices.dropped.includes(code)).map((code) => outcome.series[code]),
      weighted: study.weighted, season: choices.season && study.season.kind !== "none",
      seasonal: seasonal(outcome, study.season), order: choices.order, year: outcome.per_year,
    };
  }

  const key = (choices) => JSON.stringify([choices.start, choices.without.slice().sort((a, b) => a - b),
    choices.dropped.slice().sort(), choices.season, choices.order]);

  /* ---- what has been tried --------------------------------------------------------------------------- */

  const seen = new Set();
  let earlier = Number((TRIED.exec(location.hash) || [0, 0])[1]);
  const tried = () => earlier + seen.size;

  function remember(study, choices) {
    if (key(choices) === key(declared(study))) return;
    seen.add(`${study.outcome} ${study.unit} ${study.design} ${key(choices)}`);
    keepInAddress();
  }

  function keepInAddress() {
    if (!tried()) return;
    const anchor = location.hash.replace(TRIED, "").replace(/^#/, "") || "what-if";
    history.replaceState(null, "", `#${anchor}&tried=${tried()}`);
  }

  addEventListener("hashchange", keepInAddress);

  /* ---- the figure ------------------------------------------------------------------------------------ */

  function figure(study, choices, found) {
    const outcome = data.outcomes[study.outcome], n = outcome.periods.length;
    const width = 760, height = 300, left = 58, right = 14, top = 16, bottom = 34;
    const values = [...found.y, ...found.fitted, ...found.without.filter((_, t) => t >= choices.start)]
      .filter((value) => value !== null && Number.isFinite(value));
    let low = Math.min(...values), high = Math.max(...values);
    const room = 0.06 * (high - low || 1);
    low -= room;
    high += room;
    const x = (t) => left + ((width - left - right) * t) / (n - 1);
    const y = (value) => top + ((height - top - bottom) * (high - value)) / (high - low);
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "what-if-figure" });
    svg.setAttribute("aria-label", `${study.name}: months as points, the fitted line, and, dashed, what would be `
      + `expected without a change at ${outcome.words[choices.start]}.`);
    const step = 10 ** Math.floor(Math.log10((high - low) / 3)), raw = (high - low) / 4 / step;
    const tick = step * (raw < 1.5 ? 1 : raw < 3.5 ? 2 : 5);
    for (let value = Math.ceil(low / tick) * tick; value <= high; value += tick) {
      svg.append(draw("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "grid" }));
      svg.append(draw("text", { x: left - 8, y: y(value) + 4, class: "end" },
        minus(value.toFixed(Math.max(0, -Math.floor(Math.log10(tick) + 1e-9))))));
    }
    const each = Math.ceil(n / 7);
    for (let t = 0; t < n; t += each) {
      svg.append(draw("text", { x: x(t), y: height - 10, class: "middle" }, outcome.periods[t]));
    }
    svg.append(draw("line", { x1: x(choices.start - 0.5), x2: x(choices.start - 0.5), y1: top, y2: height - bottom,
      class: "start" }));
    const line = (series, from, to, name) => svg.append(draw("polyline", { class: name,
      points: series.slice(from, to).map((value, i) => `${x(from + i).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }));
    line(found.fitted, 0, choices.start, "fitted");
    line(found.fitted, choices.start, n, "fitted");
    line(found.without, Math.max(choices.start - 1, 0), n, "expected");
    found.y.forEach((value, t) => {
      if (value === null || !Number.isFinite(value)) return;
      const out = !found.used[t];
      const point = out
        ? draw("path", { d: `M${x(t) - 4},${y(value) - 4}l8,8m0,-8l-8,8`, class: "point out" })
        : draw("circle", { cx: x(t), cy: y(value), r: 3.6, class: "point" });
      point.append(draw("title", {}, `${outcome.words[t]}: ${out ? "left out" : "click to leave it out"}`));
      if (!study.masked.includes(t)) point.addEventListener("click", () => toggle(t));
      svg.append(point);
    });
    return svg;
  }

  /* ---- the panel ------------------------------------------------------------------------------------- */

  let study = data.studies[0], choices = declared(study);

  function toggle(t) {
    choices.without = choices.without.includes(t) ? choices.without.filter((one) => one !== t)
      : [...choices.without, t];
    renew();
  }

  const units = make("select", { id: "what-if-unit", on: { change: () => choose(Number(units.value)) } },
    ...data.studies.map((one, number) => make("option", { value: number }, one.name)));
  const start = make("input", { id: "what-if-start", type: "range", step: 1, on: { input: () => {
    choices.start = Number(start.value);
    soon();
  } } });
  const startWords = make("output", { for: "what-if-start", id: "what-if-start-words" });
  const season = make("input", { type: "checkbox", id: "what-if-season", on: { change: () => {
    choices.season = season.checked;
    renew();
  } } });
  const order = make("select", { id: "what-if-order", on: { change: () => {
    choices.order = order.value === "auto" ? "auto" : Number(order.value);
    renew();
  } } }, make("option", { value: "auto" }, "by the length of the series"), make("option", { value: 1 }, "order 1"),
  make("option", { value: 2 }, "order 2"));
  const month = make("select", { id: "what-if-month" });
  const leave = make("button", { type: "button", on: { click: () => {
    const t = Number(month.value);
    if (!choices.without.includes(t)) toggle(t);
  } } }, "Leave out");
  const leftOut = make("p", { class: "what-if-left-out" });
  const peers = make("fieldset", { class: "what-if-peers" });
  const folded = make("details", { open: innerWidth >= 900 }, make("summary", {}, "Peers"), peers);
  const back = make("button", { type: "button", on: { click: () => choose(data.studies.indexOf(study)) } },
    "Back to the declared settings");
  const status = make("p", { role: "status", class: "what-if-status" });
  const drawing = make("div", { class: "drawing" });
  const legend = make("p", { class: "quiet" }, "Points: the periods; a cross was left out. Solid line: the fit. "
    + "Dashed: what would be expected without the change. Click on a point to leave it out or put it back.");
  const table = make("table", { "aria-label": "The answer with these choices beside the declared one" });
  const belongs = make("p", { class: "what-if-belongs" });
  const caution = make("p", { class: "what-if-caution" });

  const field = (label, ...controls) => make("div", { class: "what-if-field" },
    make("label", { for: controls[0].id }, label), ...controls);

  place.append(
    make("div", { class: "what-if-controls" },
      field("Unit and comparison", units), field("Start of the change", start, startWords),
      make("div", { class: "what-if-field" }, season, make("label", { for: "what-if-season" }, "with the season")),
      field("Autocorrelation", order), field("Leave a period out", month, leave), leftOut, folded, back),
    make("div", { class: "what-if-answer" }, status, drawing, legend, make("div", { class: "scroll" }, table), caution, belongs));

  function choose(number) {
    study = data.studies[number];
    choices = declared(study);
    units.value = String(number);
    const outcome = data.outcomes[study.outcome];
    month.replaceChildren(...outcome.words.map((words, t) => make("option", { value: t }, words)));
    folded.hidden = study.design !== "difference";
    renew();
  }

  let waiting = false;
  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      renew();
    });
  }

  const NAMES = { level: "Immediate change", slope: "Change of trend", year: "" };

  function controls() {
    const outcome = data.outcomes[study.outcome], n = outcome.periods.length;
    start.min = 3;
    start.max = n - 3;
    start.value = choices.start;
    start.setAttribute("aria-valuetext", outcome.words[choices.start]);
    startWords.textContent = outcome.words[choices.start];
    season.checked = choices.season && study.season.kind !== "none";
    season.disabled = study.season.kind === "none";
    order.value = String(choices.order);
    leftOut.replaceChildren(...choices.without.slice().sort((a, b) => a - b).map((t) =>
      make("button", { type: "button", on: { click: () => toggle(t) } }, `Put ${outcome.words[t]} back`)));
    const kept = study.peers.length - choices.dropped.length;
    peers.replaceChildren(make("legend", {}, `At least ${FEWEST_PEERS} stay.`), ...study.peers.map((code) => {
      const here = !choices.dropped.includes(code), id = `what-if-peer-${code}`;
      const box = make("input", { type: "checkbox", id, checked: here, disabled: here && kept <= FEWEST_PEERS, on: {
        change: () => {
          choices.dropped = here ? [...choices.dropped, code] : choices.dropped.filter((one) => one !== code);
          renew();
          document.getElementById(id).focus();
        } } });
      return make("div", {}, box, make("label", { for: id }, outcome.names[code] || code));
    }));
  }

  function renew() {
    controls();
    remember(study, choices);
    const same = key(choices) === key(declared(study)), outcome = data.outcomes[study.outcome];
    const count = tried() === 1 ? "1 other choice" : `${tried()} other choices`;
    let found = null, trouble = "";
    try {
      found = WhatIf.answer(prepared(study, choices));
    } catch (error) {
      if (!(error instanceof WhatIf.CannotFit)) throw error;
      trouble = `No answer with these choices: ${error.message}. `;
    }
    status.textContent = trouble + (same ? "These are the declared settings."
      : `Exploration, not the declared answer. ${count} tried in this copy.`);
    status.classList.toggle("what-if-exploring", !same);
    drawing.replaceChildren(...(found ? [figure(study, choices, found)] : []));
    const rows = found ? Object.entries(found.effects) : [];
    const heading = (text) => make("th", { scope: "col" }, text);
    table.replaceChildren(
      make("thead", {}, make("tr", {}, heading("Quantity"), heading("With these choices"),
        heading(data.interval), heading("p"), heading("Declared"))),
      make("tbody", {}, ...rows.map(([name, effect]) => {
        const now = told(effect, study, name);
        const title = NAMES[name] || (found.ahead === outcome.per_year ? "Effect after one year"
          : `Effect ${found.ahead} ${outcome.period}s after the start`);
        return make("tr", { "data-effect": name, "data-estimate": String(effect.estimate), "data-se": String(effect.se),
          "data-df": String(effect.df), "data-p": String(effect.p) }, make("th", { scope: "row" }, title),
        make("td", {}, now.estimate), make("td", {}, now.interval), make("td", {}, now.p),
        make("td", {}, study.declared[name] && (name !== "year" || found.ahead === outcome.per_year) ? told(study.declared[name], study, name).estimate : "–"));
      })));
    caution.textContent = (study.design === "difference" ? "This is the gap to the peers only" : "This is the unit alone")
      + ": it cannot say whether this is more than other units change."
      + (found && found.fit.inference === "random_walk"
        ? " The series drifts: its changes from period to period are analysed." : "");
    belongs.textContent = "The verdict and the comparison with other units belong to the declared run.";
    document.getElementById("what-if-printed").textContent = tried()
      ? `${count} tried in this copy of the report. What is printed is the declared answer.`
      : "No other choices have been tried in this copy.";
  }

  // the first fit waits until somebody looks: the page shows without it
  const looked = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    looked.disconnect();
    choose(0);
  }, { rootMargin: "300px" });
  looked.observe(place);
})();
