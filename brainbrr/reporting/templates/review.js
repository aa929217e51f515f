// Review: one event at a time, verdicts by keyboard, kept in the browser, downloaded as one table.
(() => {
  const section = document.getElementById("review");
  if (!section || !section.querySelector(".case")) return;
  const STEP_S = 0.5, LEAST_S = 0.5, LETTERS = "abcdefghijklmnopqrstuvwxyz";
  const storageKey = "brainbrr.review." + section.dataset.digest;
  const cases = [...section.querySelectorAll(".case")];
  const statusLine = section.querySelector(".status");
  const say = (text) => { statusLine.textContent = text; };
  const keyOf = (article) =>
    [article.dataset.recording, article.dataset.onset, article.dataset.duration].join("|");

  // A browser may refuse storage (private window): then verdicts live until the page is closed.
  let state = { verdicts: {}, history: [] };
  let stored = true;
  try {
    state = JSON.parse(localStorage.getItem(storageKey)) || state;
  } catch (error) {
    stored = false;
    say("This browser stores no verdicts for this page: download them before you close it.");
  }
  const save = () => {
    if (!stored) return;
    try {
      localStorage.setItem(storageKey, JSON.stringify(state));
    } catch (error) {
      stored = false;
      say("This browser's storage is full: download the verdicts before you close the page.");
    }
  };

  let current = null;
  let edge = null;      // "onset" or "end" while a letter is awaited
  let lastEdge = "end"; // what the arrow keys move

  const original = (article) => {
    const onset = Number(article.dataset.onset);
    return { onset, end: onset + Number(article.dataset.duration) };
  };
  const edgesOf = (article) => {
    const verdict = state.verdicts[keyOf(article)];
    return verdict && verdict.action === "move"
      ? { onset: verdict.onset, end: verdict.onset + verdict.duration } : original(article);
  };

  function decide(article, verdict) {
    const key = keyOf(article);
    state.history.push({ key, before: state.verdicts[key] || null });
    state.verdicts[key] = verdict;
    save();
    paint(article);
    count();
  }

  function undo() {
    const last = state.history.pop();
    if (!last) return say("Nothing to undo.");
    if (last.before) state.verdicts[last.key] = last.before;
    else delete state.verdicts[last.key];
    save();
    const article = cases.find((one) => keyOf(one) === last.key);
    if (article) { paint(article); show(article); }
    count();
    say("Undone.");
  }

  const listed = () => [...section.querySelectorAll(".queue tr[data-case]")]
    .map((row) => document.getElementById(row.dataset.case));

  function step(by) {
    const order = listed();
    const next = order[order.indexOf(current) + by];
    if (next) show(next); else say(by > 0 ? "This was the last event." : "This is the first event.");
  }

  function advance() {
    const order = listed();
    const at = order.indexOf(current);
    const next = [...order.slice(at + 1), ...order.slice(0, at)]
      .find((article) => !state.verdicts[keyOf(article)]);
    if (next) show(next); else say("All events reviewed: download the corrections.");
  }

  function show(article, focus = true) {
    closeEdges();
    if (current) current.classList.remove("current");
    current = article;
    current.classList.add("current");
    for (const row of section.querySelectorAll(".queue tr[data-case]")) {
      const isCurrent = row.dataset.case === article.id;
      row.classList.toggle("current", isCurrent);
      if (isCurrent) {
        row.setAttribute("aria-current", "true");
        const box = row.closest(".queue");
        box.scrollTop = row.offsetTop - box.clientHeight / 2;
      } else row.removeAttribute("aria-current");
    }
    if (focus) current.focus({ preventScroll: true });
  }

  function paint(article) {
    const verdict = state.verdicts[keyOf(article)];
    const shown = verdict
      ? verdict.action + (verdict.action === "move"
        ? ` to ${verdict.onset.toFixed(1)}–${(verdict.onset + verdict.duration).toFixed(1)} s` : "")
      : "";
    const row = section.querySelector(`.queue tr[data-case="${article.id}"]`);
    for (const place of [article.querySelector(".verdict"), row.querySelector(".verdict")]) {
      place.textContent = shown;
      place.className = "verdict " + (verdict ? verdict.action : "");
    }
    for (const button of article.querySelectorAll("[data-act=keep], [data-act=drop]"))
      button.setAttribute("aria-pressed", String(!!verdict && verdict.action === button.dataset.act));
    const svg = article.querySelector("svg.eeg");
    if (!svg) return;
    const { onset, end } = edgesOf(article);
    const rect = svg.querySelector(".event");
    rect.setAttribute("x", xOf(svg, onset));
    rect.setAttribute("width", Math.max(1, xOf(svg, end) - xOf(svg, onset)));
    rect.classList.toggle("moved", !!verdict && verdict.action === "move");
  }

  function count() {
    const done = cases.filter((article) => state.verdicts[keyOf(article)]).length;
    const bar = section.querySelector("progress");
    bar.value = done;
    section.querySelector(".done").textContent = `${done} of ${cases.length} reviewed`;
  }

  const span = (svg) => ({
    start: Number(svg.dataset.startS), stop: Number(svg.dataset.stopS),
    left: Number(svg.dataset.left), right: Number(svg.dataset.right),
  });
  function xOf(svg, time) {
    const { start, stop, left, right } = span(svg);
    return left + (right - left) * Math.min(1, Math.max(0, (time - start) / (stop - start)));
  }
  const letterTime = (svg, index) => {
    const { start, stop } = span(svg);
    return start + (stop - start) * (index + 0.5) / LETTERS.length;
  };

  function openEdges(which) {
    const svg = current.querySelector("svg.eeg");
    closeEdges();
    if (!svg) return say("No EEG here: edges cannot be moved.");
    edge = which;
    const group = document.createElementNS(svg.namespaceURI, "g");
    group.classList.add("marks");
    [...LETTERS].forEach((letter, index) => {
      const x = xOf(svg, letterTime(svg, index));
      const mark = document.createElementNS(svg.namespaceURI, "path");
      mark.setAttribute("class", "mark");
      mark.setAttribute("d", `M${x} ${svg.dataset.top}V${svg.dataset.floor}`);
      const text = document.createElementNS(svg.namespaceURI, "text");
      text.setAttribute("class", "mark-letter");
      text.setAttribute("text-anchor", "middle");
      text.setAttribute("x", x);
      text.setAttribute("y", Number(svg.dataset.top) + 2);
      text.textContent = letter;
      group.append(mark, text);
    });
    svg.append(group);
    say(`New ${which}: press a letter, or tap the picture. Esc leaves it.`);
  }

  function closeEdges() {
    edge = null;
    if (current) for (const group of current.querySelectorAll(".marks")) group.remove();
  }

  function setEdge(which, time) {
    const svg = current.querySelector("svg.eeg");
    const { start, stop } = span(svg);
    const edges = edgesOf(current);
    edges[which] = Math.round(Math.min(stop, Math.max(start, time)) * 10000) / 10000;
    closeEdges();
    if (edges.end - edges.onset < LEAST_S) return say("The end must come after the onset.");
    lastEdge = which;
    const duration = Math.round((edges.end - edges.onset) * 10000) / 10000;
    decide(current, { action: "move", onset: edges.onset, duration });
    say(`Event is now ${edges.onset.toFixed(1)} to ${edges.end.toFixed(1)} s. ` +
      "Arrow keys move this edge by half a second.");
  }

  function nudge(by) {
    const svg = current.querySelector("svg.eeg");
    if (!svg) return;
    const { start, stop } = span(svg);
    const time = edgesOf(current)[lastEdge];
    if (time < start || time > stop) return say(`The ${lastEdge} lies outside the picture: press O or E.`);
    setEdge(lastEdge, time + by * STEP_S);
  }

  const actions = {
    // Keeping a moved event keeps its new edges; undo brings the old ones back.
    keep: () => {
      const verdict = state.verdicts[keyOf(current)];
      if (!verdict || verdict.action !== "move") decide(current, { action: "keep" });
      advance();
    },
    drop: () => { decide(current, { action: "drop" }); advance(); },
    onset: () => openEdges("onset"),
    end: () => openEdges("end"),
    undo, next: () => step(1), previous: () => step(-1), download,
  };
  const keys = { k: "keep", d: "drop", o: "onset", e: "end", u: "undo", n: "next", p: "previous" };

  section.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
    const key = event.key.toLowerCase();
    if (edge && key === "escape") { closeEdges(); say(""); }
    else if (edge && key.length === 1 && LETTERS.includes(key))
      setEdge(edge, letterTime(current.querySelector("svg.eeg"), LETTERS.indexOf(key)));
    else if (!edge && keys[key]) actions[keys[key]]();
    else if (!edge && key === "arrowleft") nudge(event.shiftKey ? -10 : -1);
    else if (!edge && key === "arrowright") nudge(event.shiftKey ? 10 : 1);
    else return;
    event.preventDefault();
  });

  section.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    const row = event.target.closest(".queue tr[data-case]");
    const svg = event.target.closest(".case svg.eeg");
    if (button) actions[button.dataset.act]();
    else if (row) show(document.getElementById(row.dataset.case));
    else if (svg && edge) {
      const box = svg.getBoundingClientRect();
      const { start, stop, left, right } = span(svg);
      const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      setEdge(edge, start + (stop - start) * (x - left) / (right - left));
    }
  });

  section.querySelector("select").addEventListener("change", (event) => group(event.target.value));

  // The list is grouped by what the rows say of themselves; within a group the least sure is first.
  function group(by) {
    const table = section.querySelector(".queue table");
    const rows = [...table.querySelectorAll("tr[data-case]")]
      .sort((a, b) => b.dataset.uncertainty - a.dataset.uncertainty);
    const groups = new Map();
    for (const row of rows) {
      const name = by === "none" ? "all events" : row.dataset[by];
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(row);
    }
    table.querySelectorAll("tbody").forEach((body) => body.remove());
    for (const [name, members] of groups) {
      const body = table.createTBody();
      const header = document.createElement("th");
      header.scope = "rowgroup";
      header.colSpan = 6;
      header.textContent = `${name} (${members.length})`;
      body.insertRow().append(header);
      body.append(...members);
    }
  }

  function download() {
    const cell = (text) => (/["\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const lines = [JSON.parse(section.dataset.columns)];
    for (const article of listed()) {
      const verdict = state.verdicts[keyOf(article)];
      if (!verdict) continue;
      const { recording, onset, duration, type, kind } = article.dataset;
      const moved = verdict.action === "move";
      lines.push([recording, moved ? verdict.onset.toFixed(4) : onset,
        moved ? verdict.duration.toFixed(4) : duration, type, verdict.action, onset, duration, kind]);
    }
    if (lines.length === 1) return say("No event reviewed yet.");
    const text = lines.map((line) => line.map(cell).join("\t") + "\n").join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
    link.download = "corrections.tsv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`Downloaded ${lines.length - 1} corrections: brainbrr train data.corrections=corrections.tsv`);
  }

  cases.forEach(paint);
  count();
  const order = listed();
  show(order.find((article) => !state.verdicts[keyOf(article)]) || order[0], false);
})();
