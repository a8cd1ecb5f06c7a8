"""Money moves between accounts of three tables; at every committed cut, read through the ledger while it all runs, the
total is what it was and every account has its owner."""

import pathlib
import random
import threading

import psycopg
import pyarrow.compute as pc

from harness.readers import pyiceberg_arrow
from mirror.mirrored import assert_mirrored, pipeline

ACCOUNTS = 20_000
TABLES = ("cash", "stock", "bonds")
TOTAL = 3 * ACCOUNTS * 100
SQL = "CREATE TABLE owners (id int PRIMARY KEY); INSERT INTO owners SELECT generate_series(0, 99);" + "".join(
    f"""CREATE TABLE {table} (id bigint PRIMARY KEY, owner int NOT NULL REFERENCES owners DEFERRABLE INITIALLY DEFERRED, money bigint NOT NULL);
        INSERT INTO {table} SELECT i, i % 100, 100 FROM generate_series(1, {ACCOUNTS}) i;""" for table in TABLES)


class Client(threading.Thread):
    """Random transfers until stopped; each keeps the total."""

    def __init__(self, pg, seed: int):
        super().__init__(daemon=True)
        self.pg, self.random, self.done, self.committed = pg, random.Random(seed), threading.Event(), 0
        self.next_owner = 1000 + seed * 1_000_000
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with self.pg.connect() as connection:
                while not self.done.is_set():
                    self.transact(connection)
        except Exception as error:
            self.error = error

    def transact(self, connection) -> None:
        work = self.random.choice([self.transfer, self.split, self.merge, self.rename, self.half_rolled_back])
        try:
            with connection.transaction():
                work(connection)
            self.committed += 1
        except psycopg.errors.DeadlockDetected:  # rolled back whole; the next one then
            pass

    def pick(self) -> tuple[str, int]:
        return self.random.choice(TABLES), self.random.randint(1, ACCOUNTS)

    def take(self, connection, amount: int) -> int:
        table, key = self.pick()
        return connection.execute(f"UPDATE {table} SET money = money - %s WHERE id = %s", (amount, key)).rowcount * amount

    def give(self, connection, amount: int) -> None:
        """To an account that may be new, with an owner of its own."""
        table, _ = self.pick()
        self.next_owner += 1
        connection.execute("INSERT INTO owners VALUES (%s)", (self.next_owner,))
        connection.execute(f"INSERT INTO {table} VALUES (%s, %s, %s)", (10**12 + self.next_owner, self.next_owner, amount))

    def transfer(self, connection) -> None:
        self.give(connection, sum(self.take(connection, 1) for _ in range(3)))

    def split(self, connection) -> None:
        self.give(connection, self.take(connection, 7))

    def merge(self, connection) -> None:
        table, key = self.pick()
        gone = connection.execute(f"DELETE FROM {table} WHERE id = %s RETURNING money", (key,)).fetchone()
        self.give(connection, gone[0] if gone else 0)

    def rename(self, connection) -> None:
        table, key = self.pick()
        connection.execute(f"UPDATE {table} SET id = id + %s WHERE id = %s", (10**15 + self.committed * 10**6 + self.next_owner * 10**9, key))

    def half_rolled_back(self, connection) -> None:
        taken = self.take(connection, 5)
        connection.execute("SAVEPOINT lost")
        self.take(connection, 50)
        connection.execute("DELETE FROM cash WHERE id % 5000 = 0")
        connection.execute("ROLLBACK TO lost")
        self.give(connection, taken)


def long_transaction(pg) -> None:
    """Some 200,000 row changes in one transaction, beside the others."""
    with pg.connect() as connection, connection.transaction():
        # The others wait: rows locked one by one against theirs would end in a deadlock.
        connection.execute(f"LOCK TABLE {', '.join(TABLES)} IN EXCLUSIVE MODE")
        moved = 0
        for _ in range(4):
            for table in TABLES:
                moved += connection.execute(f"UPDATE {table} SET money = money - 1 WHERE id <= {ACCOUNTS}").rowcount
        connection.execute("INSERT INTO owners VALUES (999)")
        connection.execute("INSERT INTO bonds VALUES (999999999, 999, %s)", (moved,))
        assert moved > 150_000


def check_cut(sluice, row: dict) -> bool:
    """False when not all tables are listed (the first copy is under way)."""
    snapshots = dict(row["tables"])
    if any(f"public.{table}" not in snapshots for table in (*TABLES, "owners")):
        return False
    owners = set(pyiceberg_arrow(sluice.catalog_db, "public.owners", snapshots["public.owners"])["id"].to_pylist())
    total = 0
    for table in TABLES:
        rows = pyiceberg_arrow(sluice.catalog_db, f"public.{table}", snapshots[f"public.{table}"])
        total += pc.sum(rows["money"]).as_py()
        orphans = set(rows["owner"].to_pylist()) - owners
        assert not orphans, f"cut {row['cut_lsn']}: {table} names {len(orphans)} owners that are not there"
    assert total == TOTAL, f"cut {row['cut_lsn']}: {total} instead of {TOTAL}"
    return True


def test_every_cut_shows_the_database_at_one_moment(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SQL, settings={"logical_decoding_work_mem": "1MB"}) as (pg, sluice):
        sluice.run_background()
        clients = [Client(pg, seed) for seed in range(3)]
        for client in clients:
            client.start()
        sluice.caught_up()
        long = threading.Thread(target=long_transaction, args=(pg,), daemon=True)
        long.start()
        checked: set[str] = set()
        while len(checked) < 8 or long.is_alive():
            rows = pyiceberg_arrow(sluice.catalog_db, "sluice.cuts").to_pylist()
            newest = max(rows, key=lambda row: row["cut_position"])
            if newest["cut_lsn"] not in checked and check_cut(sluice, newest):
                checked.add(newest["cut_lsn"])
            assert sluice.running(), sluice.log_tail()
        for client in clients:
            client.done.set()
            client.join()
            assert client.error is None, client.error
        long.join()
        assert sum(client.committed for client in clients) > 100
        sluice.caught_up(180)
        assert_mirrored(pg, sluice, [f"public.{table}" for table in (*TABLES, "owners")])
