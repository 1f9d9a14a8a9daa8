"""`python -m textcond` is the command line."""

from textcond.cli import main

main()
