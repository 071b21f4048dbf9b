"""What `dev.py` hands over to, inside .venv."""

import sys

import dev
from devtools import checks, stack, testing


def main() -> int:
    arguments = dev.parse(sys.argv[1:])
    match arguments.command:
        case "run":
            return stack.run(
                port=arguments.port,
                replicas=arguments.replicas,
                workers=None if arguments.autoscale else arguments.workers,
            )
        case "test":
            return testing.run(arguments.pytest)
        case "chaos":
            return testing.chaos(arguments.faults, arguments.seed, arguments.distribution)
        case _:
            return checks.run(everything=arguments.all)


if __name__ == "__main__":
    sys.exit(main())
