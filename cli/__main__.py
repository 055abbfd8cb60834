"""`python -m cli`."""

import sys


def run() -> int:
    """The exit code, also where the program's packages are missing or somebody is quicker than they load."""
    try:
        from cli.program import main
    except ModuleNotFoundError as error:
        print(
            f"There is no package {error.name!r}; `make cli` brings it with click, httpx2, openai, rich.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(run())
