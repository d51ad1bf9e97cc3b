"""Make the floor's database; run as a module with the superuser's address and the database's."""

import asyncio
import sys

import asyncpg

from benchmarks import floor_app


async def main(superuser_url: str, database_url: str) -> None:
    """Create the database and its one table."""
    superuser = await asyncpg.connect(superuser_url)
    try:
        await superuser.execute("CREATE DATABASE floor TEMPLATE template0")
    finally:
        await superuser.close()
    await floor_app.prepare(database_url)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
