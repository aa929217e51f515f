"""Who Modal takes this computer for."""

from modal.config import config


def has_token() -> bool:
    """Whether a token is configured, in a file or in the environment; it is not tried."""
    return bool(config.get("token_id"))
