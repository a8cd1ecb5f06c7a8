"""Copy, follow, restart: what the lake holds is what psql prints, in three independent readers."""

import pathlib

from harness.readers import assert_readers_agree, assert_same_rows, load_table, pyiceberg_arrow, source_rows
from mirror.mirrored import assert_metadata, assert_mirrored, pipeline, states

SHOP = '''
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, amount numeric(12,2), placed timestamptz, tags text[]);
CREATE TABLE lines (order_id bigint, line int, article text, pieces int, PRIMARY KEY (order_id, line));
CREATE TABLE "Odd Name.x" ("Key ""one""" int PRIMARY KEY, "select" text);
CREATE TABLE parts (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE parts_b (v text, at date NOT NULL, id int NOT NULL);
ALTER TABLE parts ATTACH PARTITION parts_b FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
CREATE TABLE empty (id int PRIMARY KEY);
INSERT INTO orders SELECT i, 'c' || i % 100, i * 1.25, '2024-01-01'::timestamptz + i * interval '1 min',
  CASE WHEN i % 3 = 0 THEN ARRAY['a', NULL, 'b,"c'] END FROM generate_series(1, 20000) i;
INSERT INTO lines SELECT i / 3, i % 3, 'article ' || i, i FROM generate_series(1, 30000) i;
INSERT INTO "Odd Name.x" VALUES (1, 'one'), (2, NULL);
INSERT INTO parts SELECT i, '2024-01-01'::date + i % 60, repeat('x', i % 50) FROM generate_series(1, 500) i;
'''
TABLES = ["orders", "lines", "parts", "empty"]

CHANGES = [
    "INSERT INTO orders VALUES (90001, 'new', 1, now(), '{}')",
    "UPDATE orders SET amount = amount + 1 WHERE id % 50 = 0",
    "DELETE FROM orders WHERE id BETWEEN 100 AND 200; INSERT INTO orders SELECT 150, 'again', 0, NULL, NULL",
    "BEGIN; UPDATE orders SET id = id + 100000 WHERE id < 20; DELETE FROM lines WHERE order_id < 20; COMMIT",
    "UPDATE lines SET pieces = pieces + 1 WHERE order_id = 500; UPDATE lines SET line = line + 10 WHERE order_id = 600",
    "BEGIN; INSERT INTO orders VALUES (90002, 'gone'); SAVEPOINT a; INSERT INTO orders VALUES (90003, 'x');"
    " ROLLBACK TO a; INSERT INTO orders VALUES (90004, 'kept'); COMMIT",
    "UPDATE parts SET v = 'moved', at = at + 31 WHERE at < '2024-01-10'; DELETE FROM parts WHERE id > 490",
    "BEGIN; INSERT INTO empty VALUES (1), (2); TRUNCATE empty; INSERT INTO empty VALUES (3); COMMIT",
    "TRUNCATE lines; INSERT INTO lines VALUES (1, 1, 'after', 1)",
]


def qualified(tables):
    return [f"public.{table}" for table in tables]


def test_changes_arrive_and_survive_a_restart(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SHOP) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        assert_mirrored(pg, sluice, qualified(TABLES))
        for change in CHANGES:
            pg.psql(change)
        sluice.caught_up()
        assert_mirrored(pg, sluice, qualified(TABLES))
        assert sluice.stop() == 0, sluice.log_tail()

        pg.psql("UPDATE orders SET customer = 'while away' WHERE id % 7 = 0; DELETE FROM orders WHERE id % 11 = 0")
        sluice.run_background()
        sluice.caught_up()
        assert_mirrored(pg, sluice, qualified(TABLES), spark=True)
        assert set(states(sluice).values()) == {"live"}


def test_identifiers_with_quotes_dots_spaces_and_capitals_work(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SHOP) as (pg, sluice):
        sluice.run_background()
        pg.psql("""INSERT INTO "Odd Name.x" VALUES (3, 'three'); UPDATE "Odd Name.x" SET "select" = 'two' WHERE "select" IS NULL""")
        sluice.caught_up()
        expected = source_rows(pg, '"Odd Name.x"')
        assert_readers_agree(expected, sluice.catalog_db, ("public", "Odd Name.x"))
        assert_metadata(sluice)


def test_once_stops_when_everything_committed_before_is_in_the_lake(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SHOP) as (pg, sluice):
        sluice.ok("run", "--once")
        assert_mirrored(pg, sluice, qualified(TABLES))
        pg.psql("DELETE FROM orders WHERE id > 10")
        sluice.ok("run", "--once")
        assert_mirrored(pg, sluice, qualified(TABLES))


def test_every_snapshot_is_the_table_at_its_cut(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SHOP) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        seen = []
        for step in range(12):
            pg.psql(f"UPDATE orders SET amount = {step} WHERE id % 40 = {step}; DELETE FROM orders WHERE id = {1000 + step}")
            sluice.caught_up()
            head = load_table(sluice.catalog_db, "public.orders").current_snapshot().snapshot_id
            seen.append((head, source_rows(pg, "orders")))
        for snapshot, rows in seen:
            assert_readers_agree(rows, sluice.catalog_db, "public.orders", snapshot)
        ledger = pyiceberg_arrow(sluice.catalog_db, "sluice.cuts").to_pylist()
        listed = [dict(row["tables"]).get("public.orders") for row in ledger]
        for snapshot, _ in seen:
            assert snapshot in listed
        assert_metadata(sluice)


def test_an_idle_slot_moves_on(tmp_path: pathlib.Path) -> None:
    with pipeline(tmp_path, SHOP) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        pg.psql("CREATE TABLE elsewhere AS SELECT generate_series(1, 100000) i")
        target = pg.psql("SELECT pg_current_wal_insert_lsn()")
        sluice.wait_for(lambda: pg.psql("SELECT confirmed_flush_lsn >= '" + target + "'::pg_lsn FROM pg_replication_slots") == "t",
                        60, "the slot to be confirmed past unpublished WAL")


def test_an_unchanged_toast_value_is_carried_over(tmp_path: pathlib.Path) -> None:
    sql = """CREATE TABLE docs (id int PRIMARY KEY, n int, body text);
             ALTER TABLE docs ALTER body SET STORAGE EXTERNAL;
             INSERT INTO docs SELECT i, 0, repeat('body ' || i, 800) FROM generate_series(1, 50) i"""
    with pipeline(tmp_path, sql) as (pg, sluice):
        sluice.run_background()
        sluice.caught_up()
        pg.psql("UPDATE docs SET n = 1 WHERE id <= 10")
        sluice.caught_up()
        pg.psql("BEGIN; INSERT INTO docs VALUES (100, 0, repeat('fresh', 1000)); UPDATE docs SET n = 2 WHERE id = 100; COMMIT")
        pg.psql("UPDATE docs SET id = id + 1000, n = 3 WHERE id BETWEEN 5 AND 8; UPDATE docs SET n = 4 WHERE id = 1005")
        sluice.caught_up()
        assert_same_rows(source_rows(pg, "docs"), [tuple(map(str, row.values())) for row in
                                                   pyiceberg_arrow(sluice.catalog_db, "public.docs").to_pylist()], "docs")
        assert_mirrored(pg, sluice, ["public.docs"])
