"""One module per subcommand; each loads what it needs when it runs, so that ``--help`` is quick."""
