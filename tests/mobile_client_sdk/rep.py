"""A rep's app as a process of its own, to be killed: writes, syncs, and says what is saved.

Usage: rep.py STORE URL SEED [ENROLMENT_CODE]
"""

import sys
from random import Random

from mobile_client_sdk.client import open_client


def main() -> None:
    """Write and sync until somebody kills this process."""
    path, url, seed, *code = sys.argv[1:]
    rng = Random(int(seed))
    client = open_client(path, url, page=7)
    if client.session is None:
        client.enrol(code[0], device_name="rep")
    customers = list(client.customers())
    for turn in range(1_000_000):
        word = f"{seed}.{turn}"
        dice = rng.random()
        if dice < 0.2 or not customers:
            customers.append(client.create_customer(name=word))
        elif dice < 0.7:
            client.add_note(rng.choice(customers), word)
        elif dice < 0.8:
            with client.group(atomic=True):
                client.add_note(rng.choice(customers), f"{word}a")
                client.add_note(rng.choice(customers), f"{word}b")
            word = f"{word}a {word}b"
        else:
            client.sync()
            continue
        print(word, flush=True)  # noqa: T201 - the parent counts what was saved


if __name__ == "__main__":
    main()
