"""The commands of `newsmill`, one module each; heavy imports stay inside the functions."""
