"""What the explorer of a page without a kernel does when something is chosen, in JavaScript."""

from catsplit.widgets.explorer_html import BLUE, STYLE

# Its arguments: `text`, the JSON of `explorer_static.payload`; controls; and models to show things in. `plain` and
# `film` are those of `page.FILM`.
SCRIPT = (
    f"const style = `{STYLE}`, blue = '{BLUE}';"
    + """
const data = category.explorer_data ??= JSON.parse(text);
const one = data.categories.find(entry => entry.name == category.value);
const strengths = data.strengths, chosen = strengths[strength.value];
const cell_of = key => one.cells[[wording.value, method.value, key, shots.value].join("|")];
const [rates, gaps, counts, answers] = cell_of(chosen);
const names = one.names[wording.value], first = data.labels.length;
const label = number => number < first ? data.labels[number] : names[number - first];
const block = (title, inside) =>
  `${style}<div class="split-explorer"><h4>${title}</h4><div class="wide">${inside}</div></div>`;
const head = (name, tip = "") => `<th scope="col" title="${plain(tip)}">${plain(name)}</th>`;
const line = (name, cells) => `<tr><th scope="row">${plain(name)}</th>${cells}</tr>`;
const table = (heads, rows) => `<table><thead><tr>${heads}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
const numbers = values => values.map(value => `<td class="number">${value}</td>`).join("");

const learned = shots.value == "0" ? "" :
  `, after learning from ${shots.value} clip${shots.value == "1" ? "" : "s"} of each`;
sentence.text = `${style}<div class="split-explorer" role="status">${plain(
  `“${one.name}” by ${method.value}, strength ${chosen}${learned}. ` +
  `The names are the benchmark's, in its ${wording.value} wording.`)}</div>`;

rates_part.text = block("What it gains, and what it costs (percent)", table(
  head("") + data.rates.map((name, i) => head(name, data.tips[i])).join(""), [
    line("this split", numbers(rates)),
    line(`control: copies of the coarse row, mean of ${data.draws} draws`, numbers(one.control[shots.value])),
    line("difference, points", numbers(gaps)),
  ]));

sources.text = block("Where the new rows come from",
  chosen == "0" ? one.plain[wording.value] : one.sources[wording.value + "|" + method.value]);

const k = names.length, shown = [...names, "all other categories"];
confusion.text = block("Clips: shown, and answered", table(
  [head("shown ↓ answered →"), ...names.map(name => head(name)), head("any other category")].join(""),
  shown.map((name, i) => {
    const mine = counts.slice(i * (k + 1), (i + 1) * (k + 1));
    const total = Math.max(mine.reduce((a, b) => a + b, 0), 1);
    return line(name, mine.map((count, j) => {
      const share = count / total;
      const kind = "cell" + (i == j && i < k ? " right" : "") + (share > 0.55 ? " dark" : "");
      return `<td class="${kind}" style="background: rgba(${blue}, ${share.toFixed(2)})">${count}</td>`;
    }).join(""));
  })));

const percent = (key, i) => Number(cell_of(key)[0][i]);
curve.data = {strength: strengths, generality: strengths.map(key => percent(key, 0)),
              locality: strengths.map(key => percent(key, 2)),
              control: strengths.map(() => Number(one.control[shots.value][0]))};
here.data = {strength: [chosen], generality: [percent(chosen, 0)], locality: [percent(chosen, 2)]};

const stands = still.active.length > 0;
one.clips.forEach(([strip, count, shape, shows], i) => {
  // Only when others are to be seen, or the clips would start again with every change.
  const picture_now = film({strip, frames: count, shape}, label(shows), 96, stands);
  if (frames[i].text != picture_now) frames[i].text = picture_now;
  const answer = answers[i];
  captions[i].text = `${style}<div class="split-explorer"><div>${plain(label(shows))}</div>` +
    `<div class="fine">${answer == shows ? "✓ right: " : "✗ wrong: "}${plain(label(answer))}</div></div>`;
});
"""
)
