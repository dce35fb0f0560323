// Opened from a disk, a page may not read the others, and each result of a search would end in an error: show the
// results without the line of text that is read from their pages.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// A figure of several panels is too small to read at a phone's width: it keeps a width that can be read (pages.css) and
// is moved sideways within its cell, by a finger or by the arrow keys.
function keepWide(figure) {
  if (figure.naturalWidth < 900) return;
  figure.classList.add("wide-figure");
  const cell = figure.parentElement;
  if (cell.scrollWidth <= cell.clientWidth) return;
  cell.tabIndex = 0;
  cell.setAttribute("role", "group");
  cell.setAttribute("aria-label", "A wide figure, to be moved sideways");
}

document.addEventListener("DOMContentLoaded", () => {
  for (const figure of document.querySelectorAll("div.cell_output > img.dark-light")) {
    if (figure.complete) keepWide(figure);
    else figure.addEventListener("load", () => keepWide(figure));
  }
});

// Jupyter's widgets speak to MathJax as to its second version, and here is the third.
addEventListener("DOMContentLoaded", () => {
  if (window.MathJax) MathJax.Hub ??= {Queue: ([, , element]) => MathJax.typesetPromise?.([element])};
});
