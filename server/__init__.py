"""The product's server: API, rules, rows. docs/architecture.md lists its rooms."""

import sys

# structlog looks for rich, to colour traces on a terminal, and loads pygments with it: 3 MiB in
# each process for what none of ours does. Who has loaded it already keeps it.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type] # None marks what is not to be found
