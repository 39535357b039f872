"""``python -m its_eval``."""

from its_eval.cli.app import main

main()
