"""The errors of Newsmill: one base and the three ways in which work can fail.

Which of them is retried is decided in `workers/retry.py`; this module only names them.
"""

from __future__ import annotations

from typing import Any


class NewsmillError(Exception):
    """Base of every error that Newsmill raises on purpose.

    `message` is one line for a person: what is wrong, where, and how to mend it.
    `ids` name the rows or files concerned; they are attributes too, and survive pickling.
    """

    def __init__(self, message: str, **ids: Any) -> None:
        super().__init__(message)
        self.message = message
        self.ids = ids

    def __getattr__(self, name: str) -> Any:
        # Only called when normal lookup fails. `__dict__` is empty while unpickling.
        try:
            return self.__dict__["ids"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_error, (type(self), self.message, self.ids)

    def __str__(self) -> str:
        return self.message


class TransientError(NewsmillError):
    """It may work later: a timeout, a full disk, a server that is away. Worth a retry."""


class PermanentError(NewsmillError):
    """It will fail again in the same way. Straight to the dead letters."""


class ConfigError(NewsmillError):
    """A person wrote something that cannot be used: a setting, a lens file, an argument."""


def _rebuild_error(kind: type[NewsmillError], message: str, ids: dict[str, Any]) -> NewsmillError:
    return kind(message, **ids)
