"""What the atlas does in the browser: one script for all its choices, which knows by `cb_obj` what was chosen."""

from catsplit.gallery import STYLE

# Bokeh calls it later, also for what it changed itself. `known` is how it left things: what is so already is no choice.
SCRIPT = (
    f"const style = `{STYLE}`;"
    + """
const plain = text => text.replace(/[&<>"]/g, c => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})[c]);
const things = () => ({cell: cell.value, clip: clip.value, indices: String(points.selected.indices)});
const known = points.known ?? {};
if (cb_obj === cell && cell.value === known.cell) return;
if (cb_obj === clip && clip.value === known.clip) return;
if (cb_obj === points.selected && String(points.selected.indices) === known.indices) return;
points.splits ??= JSON.parse(text);
const split = points.splits[Number(category.value)];
const state = split.states[when.active];
const options = (widget, list, value) => { widget.options = list; widget.value = value; };
const columns = source => Array.from(source.data.cell);

const draw = () => {
  grid.selected.indices = [];
  matrix.x_range.factors = state.columns;
  matrix.y_range.factors = state.lines;
  matrix.height = state.height;
  axis.major_label_orientation = state.upright ? "vertical" : "horizontal";
  grid.data = {...state.grid};
  points.data = {...state.points};
  legend.text = state.legend;
  note.text = plain(split.note);
  options(cell, state.cells, "");
};

const show = i => {
  points.current = i;
  const one = split.clips[i];
  const answer = s => `${s}: “${plain(one[s])}” ${one[s + " right"] ? "✓ right" : "✗ wrong"}`;
  panel.text = style + '<div style="display: flex; gap: .8em; align-items: flex-start; flex-wrap: wrap">' +
    `<div style="width: 128px">${one.film}</div>` +
    `<div style="flex: 1 1 120px"><b>${plain(one.name)}</b><br>` +
    ["before", "after"].map((s, i) => i == when.active ? `<b>${answer(s)}</b>` : answer(s)).join("<br>") +
    `<br><span style="color: #444">clip ${i + 1} of ${split.clips.length}</span></div></div>`;
  ring.data = {x: [state.points.x[i]], y: [state.points.y[i]]};
  if (clip.options.some(([value]) => value == String(i))) clip.value = String(i);
};

// Marks the cells that the chosen points are in, and lists the chosen clips, or all.
const mark = () => {
  const some = points.selected.indices, cells = columns(points), found = {};
  for (const i of some) found[cells[i]] = (found[cells[i]] ?? 0) + 1;
  grid.data = {...grid.data, edge: columns(grid).map(name => name in found ? 4 : 0)};
  const list = some.length ? [...some].sort((a, b) => a - b) : split.clips.map((_, i) => i);
  const current = list.includes(points.current) ? points.current : list[0];
  options(clip, list.map(i => [String(i), `${i + 1}: ${split.clips[i].name}`]), String(current));
  const names = Object.fromEntries(state.cells.map(([value, name]) => [value, name.replace(/^\\d+ × /, "")]));
  chosen.text = some.length
    ? `${some.length} of ${split.clips.length} clips are chosen. ` + plain(Object.entries(found)
        .map(([name, count]) => `${count} × ${names[name]}`).join("; ")) + "."
    : "No clips are chosen.";
  show(current);
};

const take = name => {
  const cells = columns(points);
  points.selected.indices = name ? cells.map((_, i) => i).filter(i => cells[i] == name) : [];
  mark();
};

if (cb_obj === when) {
  draw();
  mark();
} else if (cb_obj === cell) {
  take(cell.value);
} else if (cb_obj === clip) {
  show(Number(clip.value));
} else if (cb_obj === grid.selected) {
  if (grid.selected.indices.length) {
    const name = columns(grid)[grid.selected.indices[0]];
    grid.selected.indices = [];
    cell.value = state.cells.some(([value]) => value == name) ? name : "";
    take(name);
  }
} else if (cb_obj === points.selected) {
  cell.value = "";
  if (points.selected.indices.length) points.current = points.selected.indices[0];
  mark();
} else if (cb_data?.index) {
  if (cb_data.index.indices.length) show(cb_data.index.indices[0]);
} else if (cb_obj === every || cb_obj.origin === every) {
  cell.value = "";
  take("");
} else {  // another category, or the page is there
  points.selected.indices = [];
  points.current = 0;
  draw();
  mark();
}
points.known = things();
"""
)
