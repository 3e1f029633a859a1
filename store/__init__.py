"""The only place with SQL: one file per noun, plain functions that take a `Session`.

Nothing here commits: who opened the transaction with `Database.begin` decides what stands or
falls together. Nothing here knows of queues' messages, models or lenses' meaning.
"""
