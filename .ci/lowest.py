"""Print pip constraints for the lowest versions that pyproject.toml allows: ``name==version``.

Fails where a dependency has no lower bound: then nobody knows what it was tried with.
"""

import re
import sys
import tomllib
from pathlib import Path

#: Extras that the project's own users and its tests need; checkers of the code may be the newest.
EXTRAS = ("parquet", "plot", "test")
_BOUNDED = re.compile(r"([A-Za-z0-9._-]+)>=([0-9][0-9A-Za-z.]*)")


def main() -> None:
    """Read pyproject.toml beside this folder."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    unbounded = [one for one in wanted if not _BOUNDED.fullmatch(one)]
    if unbounded:
        sys.exit(f"pyproject.toml: no lower bound (name>=version): {', '.join(unbounded)}")
    for one in wanted:
        print(one.replace(">=", "=="))


if __name__ == "__main__":
    main()
