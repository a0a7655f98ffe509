/* The three sections of the page: start, one trial at a time, finish. */
"use strict";

const TEST = window.LISTENING_TEST;
const SIMILARITY_LABELS = [
  ["-2", "−2: absolutely different"],
  ["-1", "−1: different"],
  ["0", "0: cannot tell"],
  ["1", "+1: similar"],
  ["2", "+2: absolutely similar"],
];
const TASKS = {
  similarity: "Listen to both recordings, the first one first.",
  emotion: "Listen to the recording.",
};
const QUESTIONS = {
  similarity: "How similar are the emotions of the two recordings?",
  emotion: "Which emotion do you hear?",
};

const find = (id) => document.getElementById(id);
let store = null;
/** When the time of the trial at hand was last added up, in ms. */
let countedFrom = 0;

const players = {
  reference: new Player(find("play_reference"), "first recording", told("reference", "audio")),
  audio: new Player(find("play_audio"), "recording", told("audio", "reference")),
};

function told(name, other) {
  return {
    starts: () => players[other].stop(),
    ended: () => {
      store.answer[`plays_${name}`] += 1;
      keep();
      showHeard();
    },
    failed: () =>
      complain("A recording cannot be played. Please tell whoever gave you this test, and " +
        `name number ${store.state.position + 1} of listener ${store.listener}.`),
  };
}

function complain(text) {
  find("problem").textContent = text;
  find("problem").hidden = !text;
}

/** Add up the time spent on this trial and keep everything. */
function keep() {
  const now = performance.now();
  store.answer.seconds = Math.round(store.answer.seconds * 1000 + now - countedFrom) / 1000;
  countedFrom = now;
  store.write();
}

function show(section) {
  for (const id of ["start", "trial", "finish"]) {
    find(id).hidden = id !== section;
  }
}

function start(listener) {
  store = new Store(TEST, listener);
  // A reload, or a link given out by the organiser, then knows the number.
  location.replace(`#listener=${listener}`);
  complain(store.isKept ? "" : "This browser keeps nothing: do not close or reload the page " +
    "before you have saved your answers.");
  showNext();
}

function showNext() {
  if (store.isFinished) {
    show("finish");
    find("finish_heading").focus();
    return;
  }
  const { trial, answer, state, order } = store;
  const hasReference = trial.kind === "similarity";
  show("trial");
  find("progress").max = order.length;
  find("progress").value = state.position;
  find("heading").textContent =
    `${trial.practice ? "Practice, question" : "Question"} ${state.position + 1} of ${order.length}`;
  find("task").textContent = TASKS[trial.kind];
  find("question").textContent = QUESTIONS[trial.kind];
  find("reference_row").hidden = !hasReference;
  if (hasReference) {
    players.reference.load(trial.reference);
  }
  players.audio.label = hasReference ? "second recording" : "recording";
  players.audio.load(trial.audio);
  const choices =
    hasReference ? SIMILARITY_LABELS : TEST.emotions.map((emotion) => [emotion, emotion]);
  find("options").replaceChildren(...choices.map((choice) => option(...choice, answer.answer)));
  countedFrom = performance.now();
  showHeard();
  find("heading").focus();
}

function option(value, text, chosen) {
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "answer", value, checked: value === chosen });
  input.addEventListener("change", () => {
    store.answer.answer = value;
    keep();
    showHeard();
  });
  const label = document.createElement("label");
  label.append(input, text);
  return label;
}

/** Open the answers once everything was heard, and the way on once there is an answer. */
function showHeard() {
  const { trial, answer } = store;
  const needsReference = trial.kind === "similarity" && !answer.plays_reference;
  const isHeard = !needsReference && answer.plays_audio > 0;
  find("play_audio").disabled = needsReference;
  find("choices").disabled = !isHeard;
  find("next").disabled = !isHeard || answer.answer === null;
  find("reference_heard").textContent = heardText(answer.plays_reference);
  find("audio_heard").textContent = heardText(answer.plays_audio);
  let hint = answer.answer === null ? "Choose an answer." : "You may change the answer.";
  if (!isHeard) {
    hint = needsReference
      ? "Play the first recording to its end."
      : `Play the ${players.audio.label} to its end; then you can answer.`;
  }
  find("hint").textContent = hint;
}

function heardText(plays) {
  return plays ? `heard ${plays} ${plays === 1 ? "time" : "times"}` : "not heard yet";
}

function save() {
  const text = JSON.stringify(store.result(), null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `listening_${TEST.hash}_listener_${store.listener}.json`;
  link.click();
  find("saved").textContent = `Saved as ${link.download} in the folder of your downloads.`;
}

function prepare() {
  document.title = TEST.title;
  find("title").textContent = TEST.title;
  find("listener").max = TEST.orders.length;
  find("listener_hint").textContent = `a number from 1 to ${TEST.orders.length}`;
  find("listener").value = new URLSearchParams(location.hash.slice(1)).get("listener") || "";
  find("start_form").addEventListener("submit", (event) => {
    event.preventDefault();
    start(find("listener").valueAsNumber);
  });
  find("answer_form").addEventListener("submit", (event) => {
    event.preventDefault();
    players.reference.stop();
    players.audio.stop();
    keep();
    store.next();
    showNext();
  });
  find("save").addEventListener("click", save);
}

prepare();
