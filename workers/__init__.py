"""The mill's moving parts, kept thin: tasks that claim, call one thick function, store, send.

Postgres is the truth and Redis carries the work: a message holds ids, is sent after the commit,
and may be lost or doubled without harm. Nothing here decides about articles.
"""
