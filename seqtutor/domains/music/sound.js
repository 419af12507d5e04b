"use strict";
// A tone is a triangle wave that fades. `playing` holds what sounds, so that another one, or Stop, ends it.
const melodies = JSON.parse(document.getElementById("melodies").textContent);
let context = null, playing = null;
function stop() {
  if (!playing) return;
  for (const tone of playing.tones) tone.stop();
  cancelAnimationFrame(playing.frame);
  playing.button.textContent = "Play";
  playing.button.setAttribute("aria-pressed", "false");
  playing.bar.value = 0;
  playing = null;
  say("");
}
function say(text) { document.querySelector("[role=status]").textContent = text; }
function play(button) {
  const again = playing && playing.button === button;
  stop();
  if (again) return;
  context = context || new AudioContext();
  context.resume();
  const article = button.closest("article"), bar = article.querySelector("progress");
  const {notes, seconds} = melodies[Number(article.dataset.number)], from = context.currentTime + 0.05;
  const tones = notes.map(([begin, end, pitch]) => {
    const tone = context.createOscillator(), loud = context.createGain();
    tone.type = "triangle";
    tone.frequency.value = 440 * Math.pow(2, (pitch - 69) / 12);
    loud.gain.setValueAtTime(0, from + begin);
    loud.gain.linearRampToValueAtTime(0.3, from + begin + 0.01);
    loud.gain.setTargetAtTime(0.1, from + begin + 0.01, 0.3);
    loud.gain.setTargetAtTime(0, from + end - 0.02, 0.02);
    tone.connect(loud).connect(context.destination);
    tone.start(from + begin);
    tone.stop(from + end + 0.1);
    return tone;
  });
  playing = {button, bar, tones, frame: 0};
  button.textContent = "Stop";
  button.setAttribute("aria-pressed", "true");
  say("playing " + article.querySelector("h2").textContent);
  (function step() {
    bar.value = (context.currentTime - from) / seconds;
    if (context.currentTime - from > seconds) return stop();
    playing.frame = requestAnimationFrame(step);
  })();
}
for (const button of document.querySelectorAll("article button")) button.onclick = () => play(button);
