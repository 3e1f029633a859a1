"""Recordings: what came in from outside, kept as it came, to be read again offline.

A recording is a folder:

    recording.json      what it is, since when
    visits/*.jsonl.gz   one file for each process that recorded; a line for each visit to a source
    bodies/ab/ab….gz    answers, mails and files, each once, by the SHA-256 of its bytes

Each line is a gzip member of its own, written at once, after the bodies that it names: whatever
kills the writer, all lines but the last are whole.
"""
