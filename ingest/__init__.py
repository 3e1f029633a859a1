"""Bytes to articles: sources, the HTTP client, parsers, text, identity and screening.

Nothing here knows SQL, Celery or models; `now` and every limit are arguments.
"""
