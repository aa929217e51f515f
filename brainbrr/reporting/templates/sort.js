"use strict";
document.documentElement.classList.add("scripted");

// Tables with the class "sortable": a click on a column's button sorts, another one reverses.
// Cells say their number in data-value; those without one (undefined) stay last either way.
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    header.querySelector("button").addEventListener("click", () => {
      const descending = header.getAttribute("aria-sort") !== "descending";
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const body = table.tBodies[0];
      const valueOf = (row) => row.cells[column].dataset.value;
      const compare = (first, second) => {
        const [a, b] = [valueOf(first), valueOf(second)];
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        const bothNumbers = a !== "" && b !== "" && !isNaN(a) && !isNaN(b);
        const order = bothNumbers ? a - b : a.localeCompare(b, "en", { numeric: true });
        return descending ? -order : order;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });
}
