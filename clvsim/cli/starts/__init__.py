"""Start files by kind of business: what ``clvsim new`` writes, as they stand beside this file."""

from importlib import resources


def start_file(kind: str) -> str:
    """The start file of a kind of business."""
    return resources.files(__name__).joinpath(f"{kind}.toml").read_text(encoding="utf-8")
