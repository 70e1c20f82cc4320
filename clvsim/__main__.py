"""``python -m clvsim``."""

from clvsim.cli import main

main()
