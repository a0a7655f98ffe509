"""ESPnet2 tasks: each only its choices and names."""
