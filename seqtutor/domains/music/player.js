const kept = () => [...document.querySelectorAll("article")].filter(each => each.querySelector("input").checked);
const all = document.getElementById("kept");
document.addEventListener("change", () => { all.disabled = kept().length === 0; });
all.onclick = () => kept().forEach(each => each.querySelector("a").click());
