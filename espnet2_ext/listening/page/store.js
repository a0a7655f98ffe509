/* The answers of one listener, kept in this browser until they are saved as a file. */
"use strict";

class Store {
  /**
   * Take up what this listener answered before, or begin.
   * @param {object} test of test.js
   * @param {number} listener from 1
   */
  constructor(test, listener) {
    this.test = test;
    this.listener = listener;
    this.order = test.orders[listener - 1];
    this.storageKey = `listening_test/${test.hash}/${listener}`;
    this.isKept = true;
    this.state = this.read() || {
      started: new Date().toISOString(),
      finished: null,
      page_loads: 0,
      position: 0,
      answers: {},
    };
    this.state.page_loads += 1;
    this.write();
  }

  get isFinished() {
    return this.state.position === this.order.length;
  }

  get trial() {
    return this.test.trials[this.order[this.state.position]];
  }

  /** What is known of the trial at hand. */
  get answer() {
    const name = this.order[this.state.position];
    this.state.answers[name] ??= {
      answer: null,
      plays_reference: 0,
      plays_audio: 0,
      seconds: 0,
    };
    return this.state.answers[name];
  }

  next() {
    this.state.position += 1;
    if (this.isFinished) {
      this.state.finished = new Date().toISOString();
    }
    this.write();
  }

  /** Null where there is nothing, or nothing that can be used. */
  read() {
    try {
      const state = JSON.parse(localStorage.getItem(this.storageKey));
      const isUsable =
        Number.isInteger(state.position) &&
        state.position <= this.order.length &&
        this.order.slice(0, state.position).every((name) => state.answers[name].answer !== null);
      return isUsable ? state : null;
    } catch {
      return null;
    }
  }

  write() {
    try {
      localStorage.setItem(this.storageKey, JSON.stringify(this.state));
    } catch {
      this.isKept = false;
    }
  }

  /** The file that scoring reads. */
  result() {
    return {
      format: 1,
      test: this.test.hash,
      listener: this.listener,
      started: this.state.started,
      finished: this.state.finished,
      page_loads: this.state.page_loads,
      answers: this.order.map((name) => ({ trial: name, ...this.state.answers[name] })),
    };
  }
}
