"""Errors that a user can mend: one clear line each, and the exit status of the command line."""

from __future__ import annotations


class UserError(Exception):
    """Something that the user can mend. The message is one line that names the thing and the remedy."""

    exit_status = 1


class ConfigError(UserError):
    """The command line or the configuration is wrong; nothing was started."""

    exit_status = 2
