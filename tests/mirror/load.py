"""Small transactions over two tables in the background: inserts, deletes, changed keys, updates of many rows."""

import contextlib
import random
import threading
from typing import Iterator

ROWS_A, ROWS_B = 60000, 30000
TABLES = ["public.a", "public.b"]


def schema(rows_a: int = ROWS_A, rows_b: int = ROWS_B) -> str:
    return f"""
CREATE TABLE a (id bigint PRIMARY KEY, v int, t text);
CREATE TABLE b (id bigint, part int, v int, PRIMARY KEY (id, part));
INSERT INTO a SELECT i, 0, 'row ' || i FROM generate_series(1, {rows_a}) i;
INSERT INTO b SELECT i, i % 5, 0 FROM generate_series(1, {rows_b}) i;
"""


class Load(threading.Thread):
    """Until stopped; connects again when the server restarts."""

    def __init__(self, pg, seed: int, keys: int = ROWS_A, database: str = "postgres"):
        super().__init__(daemon=True)
        self.pg, self.database, self.keys = pg, database, keys
        self.random, self.done = random.Random(seed), threading.Event()
        self.transactions = 0
        self._turn = threading.Lock()

    def run(self) -> None:
        while not self.done.is_set():
            try:
                with self.pg.connect(self.database, autocommit=False) as connection:
                    while not self.done.is_set():
                        with self._turn:
                            self.transaction(connection)
            except Exception:  # the server is being restarted
                self.done.wait(0.1)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Between two transactions for so long."""
        with self._turn:
            yield

    def stop(self) -> None:
        self.done.set()
        self.join()

    def transaction(self, connection) -> None:
        key = self.random.randint(1, self.keys)
        choice = self.random.randint(0, 5)
        with connection.transaction():
            if choice == 0:
                connection.execute("INSERT INTO a SELECT max(id) + 1, 1, 'new' FROM a")
            elif choice == 1:
                connection.execute("DELETE FROM a WHERE id = %s", (key,))
            elif choice == 2:
                connection.execute("UPDATE a SET id = id + 1000000 WHERE id = %s", (key,))
            elif choice == 3:
                connection.execute("DELETE FROM b WHERE id = %s", (key,))
                connection.execute("INSERT INTO b SELECT %s, p, 1 FROM generate_series(1, 3) p ON CONFLICT DO NOTHING", (key,))
            else:
                connection.execute("UPDATE a SET v = v + 1 WHERE id BETWEEN %s AND %s", (key, key + 20))
                connection.execute("UPDATE b SET v = v + 1 WHERE id = %s", (key,))
        self.transactions += 1
