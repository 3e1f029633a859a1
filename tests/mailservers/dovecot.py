"""A real Dovecot of the test's own: on loopback ports, in a folder of its own, as any user.

Needs Debian's package dovecot-imapd and nothing of its configuration.
"""

from __future__ import annotations

import base64
import getpass
import grp
import imaplib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER = "me@example.org"
PASSWORD = 'blue-horse: Grüße \\ "23"'
TOKEN = "good-access-token"

PROGRAM = shutil.which("dovecot") or (
    "/usr/sbin/dovecot" if Path("/usr/sbin/dovecot").exists() else ""
)
MODULES = "/usr/lib/dovecot/modules"
PATIENCE_S = 20.0

CONFIG = """
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
mail_location = maildir:{base}/mail/%u
mail_uid = {mail_user}
mail_gid = {mail_group}
first_valid_uid = 1
first_valid_gid = 1
ssl = yes
ssl_cert = <{base}/server.pem
ssl_key = <{base}/server.key
disable_plaintext_auth = yes
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
auth_verbose = yes
mail_fsync = never
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {base}/passwords
  mechanisms = plain login
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {base}/tokens
  mechanisms = xoauth2
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={base}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Trash {{
    special_use = \\Trash
    auto = create
  }}
}}
service anvil {{
  chroot =
  # Without this socket, a wrong password makes no later login wait.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """A running server."""

    imap_port: int
    """Speaks STARTTLS."""
    imaps_port: int
    certificate: Path
    """Its own authority, for SSL_CERT_FILE."""
    log: Path

    @contextmanager
    def open(self) -> Iterator[imaplib.IMAP4]:
        """Log in as the mailbox's owner, who may write."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        with imaplib.IMAP4_SSL("localhost", self.imaps_port, ssl_context=context) as connection:
            connection.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
            yield connection


@contextmanager
def run_dovecot(base: Path) -> Iterator[Dovecot]:
    """Start a server in a folder, and stop it."""
    _make_certificate(base)
    imap_port, imaps_port = _find_free_ports()
    config = CONFIG.format(base=base, imap_port=imap_port, imaps_port=imaps_port, **_users())
    (base / "dovecot.conf").write_text(config)
    (base / "passwords").write_text(f"{USER}:{_escape(PASSWORD)}\n", encoding="utf-8")
    (base / "tokens").write_text(f"{USER}:{TOKEN}\n")
    (base / "mail").mkdir()
    if os.geteuid() == 0:
        shutil.chown(base / "mail", "dovecot", "dovecot")
    log = base / "dovecot.log"
    process = subprocess.Popen([PROGRAM, "-F", "-c", str(base / "dovecot.conf")])
    try:
        _wait_for(process, imaps_port, log)
        yield Dovecot(imap_port, imaps_port, base / "server.pem", log)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _users() -> dict[str, str]:
    if os.geteuid() == 0:  # Dovecot reads no mail as root; the package made these two.
        dovecot = dict.fromkeys(
            ("internal_user", "internal_group", "mail_user", "mail_group"), "dovecot"
        )
        return {**dovecot, "login_user": "dovenull"}
    user, group = getpass.getuser(), grp.getgrgid(os.getegid()).gr_name
    mine = dict.fromkeys(("internal_user", "login_user", "mail_user"), user)
    return {**mine, "internal_group": group, "mail_group": group}


def _escape(password: str) -> str:
    """Spell a password for a passwd-file, whose fields are parted by colons."""
    return "{PLAIN.b64}" + base64.b64encode(password.encode()).decode()


def _make_certificate(base: Path) -> None:
    options = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", str(base / "server.key"), "-out", str(base / "server.pem")]
    command = ["openssl", "req", *options.split(), *names.split(), *files]
    subprocess.run(command, check=True, capture_output=True)


def _find_free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    said = log.read_text() if log.exists() else "nothing"
    raise RuntimeError(f"Dovecot does not start; its log says: {said}")
