"""Examples below the help of a command."""


def examples(*lines: str) -> str:
    """An epilog whose lines stay as they are."""
    return "\n".join(
        ("\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {x}" for x in lines))
    )
