"""Replay: a recording goes through the mill again, offline, in a place of its own."""
