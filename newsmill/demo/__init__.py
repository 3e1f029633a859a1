"""The demo: the whole mill on a sample of our own, from a real HTTP server to rows."""
