"""Where a served model is and how hard it may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from served_model.limits import CEILING
from served_model.reward import Api

DEFAULT_ROLE = "default"


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One served model and its endpoints; all times are in seconds.

    `base_urls` are OpenAI-compatible and usually end in /v1. `max_in_flight` bounds the requests over all of them;
    below it, the number follows the server.
    `timeout_s` ends one attempt. `deadline_s` ends the retries of one request, counted from its first failure, so that
    waiting in line does not use it up. `backoff_s` is the first pause of a retry, `cooldown_s` the first of an endpoint
    that does not answer. Raises ValueError for a URL that is not http(s), or that carries a user name and password.
    """

    name: str
    base_urls: tuple[str, ...]
    api_key: str = field(default="", repr=False)
    timeout_s: float = 300.0
    connect_timeout_s: float = 10.0
    deadline_s: float = 900.0
    max_in_flight: int = CEILING
    backoff_s: float = 0.25
    cooldown_s: float = 1.0
    api: Api = "chat"  # or how a reward model is asked, see served_model.reward

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a model needs a name")
        if not self.base_urls:
            raise ValueError(f"model {self.name!r} needs at least one base URL")
        for url in self.base_urls:
            _check_url(self.name, url)
        positive = ("timeout_s", "connect_timeout_s", "deadline_s", "max_in_flight", "backoff_s", "cooldown_s")
        for name in positive:
            if not getattr(self, name) > 0:
                raise ValueError(f"model {self.name!r}: {name} must be above 0")
        if any(ord(char) < 0x21 or ord(char) > 0x7E for char in self.api_key):
            raise ValueError(f"model {self.name!r}: the API key holds a character that no header can carry")


def _check_url(name: str, url: str) -> None:
    """The messages leave the URL out where it may hold a password."""
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(f"model {name!r}: a base URL is malformed") from None
    if parts.username or parts.password or "@" in parts.netloc:
        raise ValueError(f"model {name!r}: a base URL must not hold a user name or password; use the API key")
    if parts.query or parts.fragment:
        raise ValueError(f"model {name!r}: a base URL must not hold a query or fragment")
    plain = url.isprintable() and " " not in url
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise ValueError(f"model {name!r}: not an http(s) base URL: {url!r}")


def config_for(models: Mapping[str, ModelConfig], role: str) -> ModelConfig:
    """The model of a role, or that of "default". Raises ValueError where there is neither."""
    config = models.get(role) or models.get(DEFAULT_ROLE)
    if config is None:
        raise ValueError(f"no model is configured for the role {role!r}, and there is no {DEFAULT_ROLE!r} model")
    return config
