"""Every setting of Newsmill, in one frozen tree; read at entry points only.

From the environment or `.env`: `NEWSMILL_<GROUP>__<NAME>`, for example
`NEWSMILL_INFERENCE__THREADS=2`; `DATABASE_URL` and `REDIS_URL` also without the prefix.
`.env.example` lists them all; a test holds the two equal.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field as Attribute,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, DotEnvSettingsSource, SettingsConfigDict

from schemas.env_file import check_env_file
from schemas.errors import ConfigError
from schemas.faults import tell_fault

ROOT = Path(__file__).resolve().parent.parent
"""The folder of the checkout: lenses and the starter build lie below it."""

PREFIX = "NEWSMILL_"

ENV_FILE = ".env"


def _seconds_are_numbers(value: Any) -> Any:
    is_number = isinstance(value, str) and value.strip().replace(".", "", 1).isdecimal()
    return float(value) if is_number else value


def _read_list(value: Any) -> Any:
    """Read a JSON list of strings; the error shows what was written as one."""
    if not isinstance(value, str):
        return value
    try:
        items = json.loads(value)
    except ValueError:
        items = None
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        return tuple(items)
    meant = [part for part in value.replace(",", " ").translate(_NO_BRACKETS).split() if part]
    raise ValueError(f"write a JSON list, such as {json.dumps(meant or ['one', 'two'])}")


_NO_BRACKETS = str.maketrans("[]'\"", "    ")

Texts = Annotated[tuple[str, ...], BeforeValidator(_read_list)]
"""Written as a JSON list."""

Duration = Annotated[timedelta, BeforeValidator(_seconds_are_numbers), Attribute(gt=timedelta(0))]
"""Longer than nothing; written as a number of seconds, or as ISO 8601 (`PT5M`)."""

UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
"""A path in which `~` is the user's home, as in a shell: `.env` knows no shell."""


class Group(BaseModel):
    """One group of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class IngestSettings(Group):
    poll_every: Duration = timedelta(minutes=15)
    """How long after a poll a mailbox is due again, and a feed until its rhythm is known."""
    poll_floor: Duration = timedelta(minutes=5)
    """Shortest time between two polls of a feed, however often it changes."""
    poll_ceiling: Duration = timedelta(hours=12)
    """Longest time between two polls of a feed, however seldom it changes."""
    alert_failing: Duration = timedelta(days=1)
    """After how long without a poll that goes well a source is reported."""
    alert_silent: Duration = timedelta(days=30)
    """After how long without a new article a polled source is reported."""
    host_delay: Duration = timedelta(seconds=1)
    """Pause between two requests to one host, whichever worker makes them."""
    timeout_s: float = Attribute(default=20.0, gt=0, le=300)
    """Longest wait for a server to connect or to send more, in seconds."""
    deadline_s: float = Attribute(default=60.0, gt=0, le=600)
    """Longest time for one fetch as a whole, in seconds."""
    max_body_mb: float = Attribute(default=5.0, gt=0, le=100)
    """Largest body of a feed or page after decompression, in MB (10^6 bytes); more is cut."""
    allowed_hosts: Texts = ()
    """JSON list of hosts, addresses or networks to fetch from although they are private."""
    batch: int = Attribute(default=500, ge=1, le=5000)
    """Articles saved in one transaction."""
    full_text: bool = True
    """Whether the page is fetched where a feed gives only a teaser."""
    page_limit_s: float = Attribute(default=10.0, ge=1, le=120)
    """Longest time for finding the article in one page, in seconds."""
    page_attempts: int = Attribute(default=4, ge=1, le=20)
    """Attempts at a page whose server is away or busy, before the feed's text has to do."""
    page_retry: Duration = timedelta(minutes=1)
    """Wait before the second attempt at a page; it doubles with each further one."""
    stories: bool = True
    """Whether articles that tell the same news are put together in stories."""
    story_window: Duration = timedelta(days=3)
    """Longest time between two tellings of one story; also how long signatures are kept."""
    user_agent: str = "Newsmill/0.1 (+https://example.org/contact)"
    """How feeds' operators see us; put a contact address in it."""
    split_newsletters: bool = True
    """Whether a newsletter becomes an article for each of its items, or one for all."""


class MailSettings(Group):
    password: SecretStr | None = None
    """Password of an IMAP account that is being added; kept below the home, and else asked for."""
    plain_hosts: Texts = ()
    """JSON list of hosts to which a password may go without TLS; this machine needs no naming."""
    gmail_url: str = "https://gmail.googleapis.com"
    """Where the Gmail API is."""


class PrefilterSettings(Group):
    chars: int = Attribute(default=2000, ge=200, le=20_000)
    """Characters of an article that the rules look at."""
    audit_rate: float = Attribute(default=0.015, ge=0, le=1)
    """Share of the drops that the model reads all the same, to find what the rules miss."""
    batch: int = Attribute(default=200, ge=1, le=5000)
    """Articles to one message."""


class InferenceSettings(Group):
    build: str = "starter"
    """Name of a build in the models' folder or the home, or a path; counts while none is live."""
    threads: int = Attribute(default=0, ge=0, le=256)
    """Threads of llama.cpp; 0: as tuned, or the cores that this process may use."""
    sequences: int = Attribute(default=0, ge=0, le=64)
    """Articles decoded together; 0: as tuned, or 8 with a model under 64 MB and 16 with others."""
    budget_tokens: int = Attribute(default=0, ge=0, le=8192)
    """Tokens of an article that the model reads; 0: what the build was trained with."""
    flash_attention: bool | Literal["auto"] = "auto"
    """Whether llama.cpp computes attention in tiles; auto: as tuned, or true."""
    ubatch: int = Attribute(default=0, ge=0, le=4096)
    """Tokens of a prompt that are computed at once; 0: as tuned, or 512."""
    kv_type: Literal["auto", "f16", "q8_0"] = "auto"
    """How keys and values are kept, q8_0 in half the memory; auto: as tuned, or f16."""
    progressive: bool = True
    """Whether reading may stop after the lead, where the build was calibrated for a lens's gate."""
    gate_misses: float = Attribute(default=0.05, ge=0, le=1)
    """Largest share of wanted articles that a gate may stop: the upper 95 % bound of its misses."""
    read_once: bool = True
    """Whether an article whose title and text were read before gets that answer, unread."""
    slice: Duration = timedelta(seconds=120)
    """Longest time for which one message keeps the worker claiming more articles."""

    @model_validator(mode="after")
    def _check_cache(self) -> Self:
        if self.kv_type == "q8_0" and self.flash_attention is False:
            raise ValueError("kv_type q8_0 needs flash_attention: leave that auto, or set it true")
        return self


class ObjectiveSettings(Group):
    oldest: Duration = timedelta(minutes=30)
    """How long an article may wait for the model before it is to be read with less effort."""
    articles: int = Attribute(default=0, ge=0, le=10_000_000)
    """Articles, each through one lens, to be read in 5 minutes when much waits; 0: as age asks."""
    may_degrade: bool = True
    """Whether articles may be read with less effort when too many wait, and in full later."""


class QueueSettings(Group):
    tick_every: Duration = timedelta(seconds=20)
    """How often due sources are polled and stuck work is sent again."""
    resend_after: Duration = timedelta(seconds=60)
    """Age at which waiting work is taken for unsent."""
    lease: Duration = timedelta(minutes=5)
    """How long a worker owns what it claimed before others may take it."""
    max_attempts: int = Attribute(default=3, ge=1, le=20)
    """Attempts before an item of work becomes a dead letter."""
    retry_first: Duration = timedelta(seconds=10)
    """Wait before the second attempt; it doubles with each further one."""
    retry_longest: Duration = timedelta(hours=1)
    """Longest wait between two attempts."""
    soft_shutdown: Duration = timedelta(seconds=15)
    """Time that a worker has to finish or return its work when told to stop."""
    visibility_timeout: Duration = timedelta(minutes=30)
    """After which Redis gives an unacknowledged message out again; longer than any task."""
    task_time_limit: Duration = timedelta(minutes=10)
    """After which a task is taken for hung and its process replaced."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        # Redis hands a message out again while its task still runs if it may run longer.
        if self.visibility_timeout <= self.task_time_limit + self.soft_shutdown:
            raise ValueError(
                "visibility_timeout must be longer than task_time_limit and soft_shutdown together"
            )
        return self


class FlowerSettings(Group):
    port: int = Attribute(default=5555, ge=1, le=65535)
    """On 127.0.0.1; the next free one is taken if this one is not."""
    user: str = "newsmill"
    """Who may look."""
    password: SecretStr | None = None
    """Without one, a password is made and kept in the home."""


class LogSettings(Group):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least important events that are written."""
    json_lines: bool = Attribute(default=True)
    """JSON lines in files; False: text for people."""


class Settings(BaseSettings):
    """All settings. Construct it through `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        # A line of .env.example that lost only its # asks for the default, not for nothing.
        env_ignore_empty=True,
        # Lists are read by `_read_list`, whose words are for people.
        enable_decoding=False,
        # Docker Compose reads the same file; variables of others in it are none of our business.
        dotenv_filtering="only_existing",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        populate_by_name=True,
    )

    home: UserPath = Attribute(default_factory=lambda: default_home(os.geteuid()))
    """Folder of databases, models, logs and secrets."""
    database_url: SecretStr | None = Attribute(
        default=None, validation_alias=AliasChoices("DATABASE_URL", f"{PREFIX}DATABASE_URL")
    )
    """A Postgres (14 or later); without one, a private server is started."""
    redis_url: SecretStr | None = Attribute(
        default=None, validation_alias=AliasChoices("REDIS_URL", f"{PREFIX}REDIS_URL")
    )
    """A Redis (6.2 or later) or Valkey; without one, a private server is started."""
    service_user: str | None = None
    """Existing account that runs the private servers when Newsmill is started as root."""
    lenses_dir: UserPath = ROOT / "lenses"
    """Folder of the lenses."""
    lenses: Annotated[tuple[str, ...] | None, BeforeValidator(_read_list)] = None
    """JSON list of the lenses in use; without it: all."""
    models_dir: UserPath = ROOT / "models"
    """Folder of the builds that come with Newsmill."""
    ingest: IngestSettings = IngestSettings()
    mail: MailSettings = MailSettings()
    prefilter: PrefilterSettings = PrefilterSettings()
    inference: InferenceSettings = InferenceSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    queue: QueueSettings = QueueSettings()
    flower: FlowerSettings = FlowerSettings()
    log: LogSettings = LogSettings()


def load_settings() -> Settings:
    """Read the settings from the environment and `.env`.

    Raises:
        ConfigError: one line per variable that is unknown or has a bad value.
    """
    check_env_file(Path(ENV_FILE))
    in_file = dict.fromkeys(DotEnvSettingsSource(Settings).env_vars, "")
    unknown = find_unknown_variables({**os.environ, **in_file})
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]}: see .env.example for those there are")
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigError("\n".join(_describe(error))) from None


def default_home(user_id: int) -> Path:
    """Say where Newsmill keeps its data: for root in /var/lib, else below the user's home."""
    return Path("/var/lib/newsmill") if user_id == 0 else Path.home() / ".local/share/newsmill"


def list_variables() -> dict[str, str]:
    """Give every environment variable with the meaning of its setting."""
    variables: dict[str, str] = {}
    for name, field in Settings.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Group):
            for inner, inner_field in annotation.model_fields.items():
                variable = f"{PREFIX}{name}__{inner}".upper()
                variables[variable] = inner_field.description or ""
        else:
            plain = name in ("database_url", "redis_url")
            variables[name.upper() if plain else f"{PREFIX}{name}".upper()] = (
                field.description or ""
            )
    return variables


def find_unknown_variables(environment: dict[str, str]) -> list[str]:
    """Give the NEWSMILL_ variables that mean nothing; pydantic itself passes them over."""
    known = {*list_variables(), f"{PREFIX}DATABASE_URL", f"{PREFIX}REDIS_URL", f"{PREFIX}SHARED"}
    names = {name.upper() for name in environment}
    return sorted(name for name in names - known if name.startswith(PREFIX))


def _describe(error: ValidationError) -> list[str]:
    """Give a line for each variable; where several kinds of values would do, it names them all."""
    told: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        # Deeper steps are places in a list, or the kinds of values that a setting may have.
        variable = "__".join(map(str, detail["loc"][:2])).upper()
        if not variable.startswith((PREFIX, "DATABASE_URL", "REDIS_URL")):
            variable = PREFIX + variable
        told.setdefault(variable, []).append(tell_fault(detail))
    return [f"{name}: {_join(messages)}" for name, messages in told.items()]


def _join(messages: list[str]) -> str:
    first, *others = dict.fromkeys(messages)
    return " or ".join([first, *(other.removeprefix("must be ") for other in others)])
