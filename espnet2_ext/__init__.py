"""Prosody2Vec on ESPnet2: pretraining, emotion recognition and conversion.

[P2V] is "Disentangling Prosody Representations with Unsupervised Speech
Reconstruction" (Qu, Li, Weber, Pekarek-Rosin, Ren, Wermter); docstrings cite
it by section, table or equation.

Dimension letters mean the same everywhere:

* B batch, U unit steps, T mel frames, S decoder steps (T over the reduction factor)
* M mel bands, D memory width, H hidden width, K emotions
* N audio samples, F frames of the upstream features
"""

__version__ = "0.1.0"
