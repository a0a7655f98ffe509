/* A button that plays one recording and says when it was heard to its end. */
"use strict";

class Player {
  /**
   * @param {HTMLButtonElement} button
   * @param {string} label of the button
   * @param {{starts: function, ended: function, failed: function}} tell what happens
   */
  constructor(button, label, tell) {
    this.button = button;
    this.label = label;
    this.tell = tell;
    this.audio = new Audio();
    this.audio.preload = "auto";
    this.audio.addEventListener("ended", () => {
      this.show();
      this.tell.ended();
    });
    this.audio.addEventListener("error", () => {
      this.show();
      this.tell.failed();
    });
    button.addEventListener("click", () => (this.audio.paused ? this.play() : this.stop()));
    this.show();
  }

  load(file) {
    this.stop();
    this.audio.src = `audio/${file}`;
  }

  async play() {
    this.tell.starts();
    // From the beginning: only the whole recording counts as heard.
    this.audio.currentTime = 0;
    try {
      await this.audio.play();
    } catch (error) {
      // Stopping while it loads ends up here too, and is no failure.
      if (error.name !== "AbortError") {
        this.tell.failed();
      }
    }
    this.show();
  }

  stop() {
    this.audio.pause();
    this.show();
  }

  show() {
    const isPlaying = !this.audio.paused && !this.audio.ended;
    this.button.textContent = `${isPlaying ? "Stop" : "Play"} ${this.label}`;
  }
}
