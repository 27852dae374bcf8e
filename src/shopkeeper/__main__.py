"""`python -m shopkeeper` is the command `shopkeeper`."""

from shopkeeper.cli import main

if __name__ == "__main__":
    main()
