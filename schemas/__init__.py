"""The shapes of Newsmill: records that travel, contracts, lens files, tables, settings.

Everything here is pure: no clock, network, database or model is touched by this package.
"""
