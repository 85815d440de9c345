"""Keys: who may call, and as what.

A key is `qk_<id>_<secret>`; the secret is 256 random bits, shown once. At rest lies one
file a key, `<folder>/<id>.json`: name, role, salt and HMAC-SHA256(salt, secret), readable
by its owner only. (A slow hash protects weak passwords; 256 random bits need none, and a
fast one lets every call be checked against the file, so that a revoked key is refused at
once.) Comparison takes constant time.

Errors: UnknownKey (revoking what is not there), NoDealer (a dealer's key without its dealer),
        ValueError (a role that does not exist).

>>> import tempfile
>>> keyring = Keyring(Path(tempfile.mkdtemp()))
>>> plain = keyring.create_key("night batch", "platform")
>>> keyring.find(plain).name, keyring.find(plain[:-1])
('night batch', None)
>>> keyring.revoke(keyring.list_keys()[0].id).revoked_at is None, keyring.find(plain)
(False, None)
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from features.errors import ChannelError
from serving.settings import ROLES, Role

_PLAIN = re.compile(r"qk_([0-9a-f]{8})_([\w-]{43})", re.ASCII)


class UnknownKey(ChannelError):
    def __init__(self, key_id: str) -> None:
        super().__init__(f"No key has the id {key_id!r}; `qudao key list` shows them.")


class NoDealer(ChannelError):
    def __init__(self) -> None:
        super().__init__("A key of the role dealer names its dealer (--dealer D001), and no other key does.")


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is known of a key; never the secret itself."""

    id: str
    name: str
    role: Role
    dealer_id: str = ""  # of a dealer's key: whom it may see
    salt: str
    digest: str
    created_at: str
    revoked_at: str | None = None


class Keyring:
    """The keys in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create_key(self, name: str, role: Role, *, dealer_id: str = "") -> str:
        """A new key in plain text, which exists nowhere else from now on; a dealer's is for one dealer."""
        if role not in ROLES:
            raise ValueError(f"A role is one of {', '.join(ROLES)}; got {role!r}.")
        if (role == "dealer") != bool(dealer_id):
            raise NoDealer
        key_id, secret, salt = secrets.token_hex(4), secrets.token_urlsafe(32), secrets.token_hex(16)
        digest = _digest(salt, secret)
        key = Key(id=key_id, name=name, role=role, salt=salt, digest=digest, created_at=_now())
        self._write(replace(key, dealer_id=dealer_id))
        return f"qk_{key_id}_{secret}"

    def find(self, plain: str) -> Key | None:
        """The key that this text is, unless it is unknown or revoked."""
        if not (parts := _PLAIN.fullmatch(plain)):
            return None
        key = self._read(parts[1])
        same = hmac.compare_digest(_digest(key.salt if key else "", parts[2]), key.digest if key else "")
        return key if key and same and not key.revoked_at else None

    def revoke(self, key_id: str) -> Key:
        """Refuse this key from now on; the file stays, for the audit."""
        if not (key := self._read(key_id)):
            raise UnknownKey(key_id)
        revoked = replace(key, revoked_at=key.revoked_at or _now())
        self._write(revoked)
        return revoked

    def list_keys(self) -> list[Key]:
        """Every key, the oldest first, revoked ones too."""
        found = (self._read(file.stem) for file in self.folder.glob("*.json"))
        return sorted((key for key in found if key), key=lambda key: (key.created_at, key.id))

    def _read(self, key_id: str) -> Key | None:
        try:
            return Key(**json.loads((self.folder / f"{key_id}.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _write(self, key: Key) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file, whole = self.folder / f"{key.id}.json", json.dumps(asdict(key), indent=1)
        fresh = file.with_suffix(f".{os.getpid()}.tmp")
        fresh.touch(mode=0o600)
        fresh.write_text(whole, encoding="utf-8")
        fresh.replace(file)


def _digest(salt: str, secret: str) -> str:
    return hmac.new(salt.encode(), secret.encode(), hashlib.sha256).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
