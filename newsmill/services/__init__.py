"""A private Postgres and a private Valkey (or Redis), started when no URL names others.

The door is `newsmill.services.launcher.Services`. Nothing here knows what is kept in the two
servers: no table, no queue, no migration.
"""
