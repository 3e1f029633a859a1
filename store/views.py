"""One SQL view per lens version, with a typed column for each field of its contract.

So that `SELECT sentiment FROM editorial_v1` gives an integer. The values stay JSON underneath;
one of the wrong type is shown as NULL and never fails the query. What a field means, and which
SQL type it has, the contract says.
"""

from __future__ import annotations

import hashlib

from psycopg import errors, sql
from sqlalchemy.exc import InternalError, ProgrammingError
from sqlalchemy.orm import Session

from schemas.errors import ConfigError
from schemas.fields import AnyField
from schemas.lens import Lens
from store.statements import execute

_MARK = "Typed view of a lens, made by Newsmill: "
"""The comment by which a view of ours is known again; a digest of its definition follows."""

_LOCK = 7_231_003
"""Any number that is nobody else's advisory lock in this database."""

_FIXED_COLUMNS = {
    "article_id": sql.SQL("article.id"),
    "title": sql.SQL("article.title"),
    "url": sql.SQL("article.url"),
    "published_at": sql.SQL("article.published_at"),
    "source": sql.SQL("source.name"),
    "tier": sql.SQL("analysis.tier"),
    "score": sql.SQL("analysis.score"),
    "status": sql.SQL("analysis.status"),
    "effort": sql.SQL("analysis.effort"),
    # Until it is read anew; for good, if the rules drop what it says now.
    "outdated": sql.SQL(
        "EXISTS (SELECT FROM revision WHERE revision.article_id = article.id "
        "AND revision.replaced_at > coalesce(completion.created_at, analysis.updated_at))"
    ),
    "build": sql.SQL("completion.build"),
    "confidences": sql.SQL("analysis.confidences"),
}

_TYPED = {
    "text": sql.SQL("CASE jsonb_typeof({0}) WHEN 'string' THEN {0} #>> '{{}}' END"),
    "boolean": sql.SQL("CASE jsonb_typeof({0}) WHEN 'boolean' THEN CAST({0} AS boolean) END"),
    # The path proves type and range before the cast is tried; `strict`: no look into arrays.
    "integer": sql.SQL(
        'CASE WHEN jsonb_path_exists({0}, \'strict $ ? (@.type() == "number" && @ == @.floor()'
        " && @ >= -2147483648 && @ <= 2147483647)') THEN CAST({0} AS integer) END"
    ),
    "text[]": sql.SQL(
        "CASE jsonb_typeof({0}) WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text({0})) END"
    ),
    "jsonb": sql.SQL("{0}"),
}
"""SQL type → how a JSON value becomes one, or NULL."""

_DEFINITION = sql.SQL("""
SELECT {columns}
FROM analysis
JOIN article ON article.id = analysis.article_id
JOIN source ON source.id = article.source_id
LEFT JOIN completion ON completion.id = analysis.completion_id
WHERE analysis.lens = {lens} AND analysis.lens_version = {version}
""")


def create_view(session: Session, lens: Lens) -> None:
    """Make the view `<lens>_v<version>`, or bring the one there to the contract of today.

    A view that is right already is not touched. Raises ConfigError when a view of somebody
    else's stands on a column that would go.
    """
    definition = _define(lens)
    digest = hashlib.sha256(definition.as_string().encode()).hexdigest()[:16]
    execute(session, "SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)
    if digest not in _find_views(session).get(lens.view_name, ""):
        _replace(session, lens.view_name, definition)
        comment = sql.SQL("COMMENT ON VIEW {} IS {}")
        _run(session, comment.format(sql.Identifier(lens.view_name), _MARK + digest))


def drop_views(session: Session) -> list[str]:
    """Drop every view of ours, so that a migration may change what they stand on."""
    names = sorted(_find_views(session))
    for name in names:
        _run(session, sql.SQL("DROP VIEW {}").format(sql.Identifier(name)))
    return names


_OUR_VIEWS = """
SELECT relname, obj_description(oid, 'pg_class')
FROM pg_class
WHERE relkind = 'v' AND relnamespace = CAST(current_schema() AS regnamespace)
    AND starts_with(obj_description(oid, 'pg_class'), :mark)
"""


def _find_views(session: Session) -> dict[str, str]:
    return dict(tuple(row) for row in execute(session, _OUR_VIEWS, mark=_MARK))


def _define(lens: Lens) -> sql.Composed:
    fields = lens.contract.fields
    taken = {field.name for field in fields}
    columns = [
        # A field of the same name has the better right to it.
        _name(expression, f"row_{name}" if name in taken else name)
        for name, expression in _FIXED_COLUMNS.items()
    ]
    columns += [_name(_read_typed(field), field.name) for field in fields]
    return _DEFINITION.format(
        columns=sql.SQL(", ").join(columns), lens=lens.name, version=lens.version
    )


def _read_typed(field: AnyField) -> sql.Composed:
    value = sql.SQL("(analysis.values -> {})").format(field.name)
    return _TYPED[field.sql_type].format(value)


def _name(expression: sql.Composable, name: str) -> sql.Composed:
    return sql.SQL("{} AS {}").format(expression, sql.Identifier(name))


def _replace(session: Session, name: str, definition: sql.Composed) -> None:
    view = sql.Identifier(name)
    try:
        with session.begin_nested():
            _run(session, sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(view, definition))
    except ProgrammingError as error:
        # It cannot take a column away, nor change one's type or place.
        if not isinstance(error.orig, errors.InvalidTableDefinition):
            raise
        _drop(session, name)
        _run(session, sql.SQL("CREATE VIEW {} AS {}").format(view, definition))


def _drop(session: Session, name: str) -> None:
    try:
        _run(session, sql.SQL("DROP VIEW {}").format(sql.Identifier(name)))
    except InternalError as error:
        if not isinstance(error.orig, errors.DependentObjectsStillExist):
            raise
        raise ConfigError(
            f"the view {name} must change, but another view stands on it; drop that one first "
            f"or raise the lens's version ({error.orig.diag.message_detail})"
        ) from None


def _run(session: Session, statement: sql.Composed) -> None:
    """Run a statement whose names and literals are quoted already."""
    session.connection().exec_driver_sql(statement.as_string())
