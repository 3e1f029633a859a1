"""How a test tells its workers which faults to have.

By a file that the environment names, read anew each time, so that a test can lift a fault:

    {"slow_s": {"inference": 0.1}, "deadly": {"prefilter": "a word"}, "faulty": {…}}

`slow_s`: seconds that each article (in ingest: each batch) takes longer. `deadly`: the word that
kills the process that works on a text with it; in `opening`, one that opens a build of that name.
`faulty`: the word at which the function raises.
"""

from __future__ import annotations

VARIABLE = "PLUG_FAULTS"
