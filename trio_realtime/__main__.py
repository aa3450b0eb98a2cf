"""``python -m trio_realtime``."""

from trio_realtime.cli import main

if __name__ == "__main__":
    main()
