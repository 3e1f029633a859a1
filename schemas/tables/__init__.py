"""The tables of Newsmill, as typed mapped classes: one file per noun, as in `store/`.

Columns, keys and indexes only: queries live in `store/`, changes of shape in `migrations/`.
Every time is a `timestamptz`, and "now" is always the database's clock, so that two machines
whose clocks differ agree on what is due. A relationship never loads by itself (`lazy="raise"`).

All are imported here: a foreign key names its table in words, and `Base.metadata` must know it.
"""

from schemas.tables.analyses import Analysis
from schemas.tables.articles import Article, Revision
from schemas.tables.base import Base
from schemas.tables.builds import Build, Deployment, Run
from schemas.tables.completions import Completion
from schemas.tables.labels import Label
from schemas.tables.screenings import Screening
from schemas.tables.sources import Host, Source
from schemas.tables.stories import Band, Signature, Story
from schemas.tables.work import Pace, Work

__all__ = [
    "Analysis",
    "Article",
    "Band",
    "Base",
    "Build",
    "Completion",
    "Deployment",
    "Host",
    "Label",
    "Pace",
    "Revision",
    "Run",
    "Screening",
    "Signature",
    "Source",
    "Story",
    "Work",
]
