const pairs = [...document.querySelectorAll("section")], save = document.getElementById("save");
let at = 0, unsaved = false;
const chosen = pair => pair.querySelector("input:checked");
function show(number) {
  stop();
  at = Math.max(0, Math.min(number, pairs.length - 1));
  pairs.forEach((pair, i) => { pair.hidden = i !== at; });
  pairs[at].querySelector("h2").focus();
}
function count() {
  const done = pairs.filter(chosen).length;
  document.getElementById("count").textContent = done + " of " + pairs.length + " answered";
  save.disabled = done === 0;
}
document.addEventListener("change", () => { unsaved = true; count(); });
document.getElementById("back").onclick = () => show(at - 1);
document.getElementById("next").onclick = () => show(at + 1);
save.onclick = () => {
  const rows = pairs.filter(chosen).map(pair => [pair.dataset.left, pair.dataset.right, chosen(pair).value].join());
  const link = document.createElement("a");
  link.download = "ratings.csv";
  link.href = "data:text/csv;charset=utf-8," + encodeURIComponent(["left,right,better", ...rows, ""].join("\n"));
  link.click();
  unsaved = false;
};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const [left, right] = pairs[at].querySelectorAll("article button"), answers = pairs[at].querySelectorAll("input");
  const does = {
    a: () => play(left), b: () => play(right), n: () => show(at + 1), p: () => show(at - 1),
    1: () => answers[0].click(), 2: () => answers[1].click(), 0: () => answers[2].click(),
  }[event.key];
  if (does) { event.preventDefault(); does(); }
});
window.addEventListener("beforeunload", event => { if (unsaved) event.preventDefault(); });
count();
show(0);
