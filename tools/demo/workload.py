"""An application over the demo's tables: inserts, updates, deletes, transactions over several tables, some rolled back."""

import random
import threading

import psycopg

PAUSE = 0.02  # Between two transactions when it is light on the machine.


def record_readings(sql: psycopg.Cursor, chance: random.Random) -> None:
    first = chance.randint(1, 7900)
    sql.execute("INSERT INTO readings SELECT s, clock_timestamp(), round((15 + random() * 25)::numeric, 3), 3.1"
                " FROM generate_series(%s::int, %s::int) s", (first, first + 99))


def inspect_hive(sql: psycopg.Cursor, chance: random.Random) -> None:
    """Two tables in one transaction."""
    hive = chance.randint(1, 4000)
    sql.execute("INSERT INTO inspections (hive_id, inspected_at, inspector, notes, findings)"
                " VALUES (%s, now(), 'Ada', repeat('Strong colony, second super given. ', %s), '{\"queen\": true}')",
                (hive, chance.randint(1, 100)))
    sql.execute("UPDATE hives SET inspected_at = now() WHERE id = %s", (hive,))


def move_hive(sql: psycopg.Cursor, chance: random.Random) -> None:
    """hive_count of both apiaries follows in the same transaction."""
    hive, target = chance.randint(1, 4000), chance.randint(1, 200)
    (source,) = sql.execute("SELECT apiary_id FROM hives WHERE id = %s FOR UPDATE", (hive,)).fetchone()
    sql.execute("UPDATE apiaries SET hive_count = hive_count - 1 WHERE id = %s", (source,))
    sql.execute("UPDATE apiaries SET hive_count = hive_count + 1 WHERE id = %s", (target,))
    sql.execute("UPDATE hives SET apiary_id = %s WHERE id = %s", (target, hive))


def replace_sensor(sql: psycopg.Cursor, chance: random.Random) -> None:
    """A key that goes and comes back in one transaction, and the rows that hang on it."""
    sensor = chance.randint(7901, 8000)
    sql.execute("DELETE FROM readings WHERE sensor_id = %s", (sensor,))
    sql.execute("DELETE FROM sensors WHERE id = %s RETURNING hive_id, quantity", (sensor,))
    hive, quantity = sql.fetchone()
    sql.execute("INSERT INTO sensors VALUES (%s, %s, gen_random_uuid(), %s, 1)", (sensor, hive, quantity))


def correct_readings(sql: psycopg.Cursor, chance: random.Random) -> None:
    sql.execute("UPDATE readings SET value = value + 0.001 WHERE sensor_id = %s", (chance.randint(1, 8000),))


def amend_findings(sql: psycopg.Cursor, chance: random.Random) -> None:
    """The notes stay as they are: Postgres does not send those that it stores out of line."""
    sql.execute("UPDATE inspections SET findings = findings || '{\"checked\": true}' WHERE id = %s", (chance.randint(1, 3000) * 10,))


def change_mind(sql: psycopg.Cursor, chance: random.Random) -> None:
    """Half of it is taken back."""
    sql.execute("UPDATE hives SET name = 'renamed' WHERE id = %s", (chance.randint(1, 4000),))
    sql.execute("SAVEPOINT half")
    sql.execute("DELETE FROM inspections WHERE hive_id = %s", (chance.randint(1, 4000),))
    sql.execute("ROLLBACK TO half")


DEEDS = [record_readings, inspect_hive, move_hive, replace_sensor, correct_readings, amend_findings, change_mind]


class Workload(threading.Thread):
    """Runs until finish(). Counts its transactions; `failure` is what ended it before that."""

    def __init__(self, url: str):
        super().__init__(daemon=True, name="workload")
        self.url = url
        self.transactions = 0
        self.failure: Exception | None = None
        self._chance = random.Random(7)
        self._done = threading.Event()

    def run(self) -> None:
        try:
            with psycopg.connect(self.url) as connection:
                while not self._done.wait(PAUSE):
                    with connection.transaction(), connection.cursor() as sql:
                        self._chance.choice(DEEDS)(sql, self._chance)
                    self.transactions += 1
        except psycopg.Error as error:
            self.failure = error

    def finish(self) -> int:
        """Waits for the transaction under way; the number of all of them. AssertionError when the application failed."""
        self._done.set()
        if self.ident is not None:
            self.join()
        assert self.failure is None, f"the workload ended: {self.failure}"
        return self.transactions
