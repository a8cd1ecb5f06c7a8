"""Rights and settings that the source lacks: refused with the words that mend them, and it works once they are given."""

import pytest

from refusals.place import FAILED, OPERATOR, TABLES, checks

SERVER = {"max_replication_slots": "3"}


@pytest.fixture
def role(place):
    """A role of the place's name that may replicate, read the tables and make a publication; `b` is its own."""
    place.psql(TABLES)
    place.psql(f"""CREATE ROLE {place.name} LOGIN REPLICATION; GRANT CREATE ON DATABASE {place.name} TO {place.name};
                   GRANT CREATE ON SCHEMA public TO {place.name};
                   ALTER TABLE a OWNER TO {place.name}; ALTER TABLE b OWNER TO {place.name}""")
    place.configure(place.server.url(place.name, place.name))
    return place


def works(place) -> None:
    assert all(line["outcome"] != "FAIL" for line in checks(place).values())
    place.sluice.ok("run", "--once")
    place.assert_mirrored("public.a", "public.b")


def test_these_rights_suffice(role) -> None:
    works(role)


def test_no_right_to_replicate(role) -> None:
    role.psql(f"ALTER ROLE {role.name} NOREPLICATION")
    assert f"ALTER ROLE \"{role.name}\" REPLICATION" in checks(role)["replication right"]["mend"]
    role.refuses(OPERATOR, "superuser or replication role", "sluice check")
    role.psql(f"ALTER ROLE {role.name} REPLICATION")
    works(role)


def test_no_right_to_read_a_table(role) -> None:
    role.psql(f"ALTER TABLE a OWNER TO postgres; CREATE PUBLICATION sluice_{role.name} FOR TABLE a, b WITH "
              f"(publish_via_partition_root = true); ALTER PUBLICATION sluice_{role.name} OWNER TO {role.name}")
    select = checks(role)["select"]
    assert select["outcome"] == "FAIL" and 'GRANT SELECT ON "public"."a"' in select["mend"], select
    role.refuses(FAILED, "table public.a has failed.*permission denied for table a", "grant")
    role.psql(f"GRANT SELECT ON a TO {role.name}")
    works(role)


def test_no_right_to_make_a_publication(role) -> None:
    role.psql(f"REVOKE CREATE ON DATABASE {role.name} FROM {role.name}")
    fails = [line for line in checks(role).values() if line["outcome"] == "FAIL"]
    assert fails and "CREATE PUBLICATION" in fails[0]["mend"], fails
    role.refuses(OPERATOR, f"making publication sluice_{role.name}: permission denied for database",
                 "run as the tables' owner: CREATE PUBLICATION")
    done = role.sluice.cli("run", "--once")
    statements = done.stderr.split("run as the tables' owner: ")[1]
    role.psql(statements)
    works(role)


def test_not_the_owner_of_a_table(role) -> None:
    role.psql(f"ALTER TABLE a OWNER TO postgres; GRANT SELECT ON a TO {role.name}")
    role.refuses(OPERATOR, "must be owner of table a", "run as the tables' owner: CREATE PUBLICATION")
    role.psql(role.sluice.cli("run", "--once").stderr.split("run as the tables' owner: ")[1])
    works(role)


def test_no_free_slot(place) -> None:
    place.psql(TABLES + "SELECT pg_create_physical_replication_slot('taken' || i) FROM generate_series(1, 3) i")
    line = checks(place)["max_replication_slots"]
    assert line["outcome"] == "FAIL" and "ALTER SYSTEM SET max_replication_slots = 5" in line["mend"]
    place.refuses(FAILED, "all replication slots are in use", "max_replication_slots.*pg_drop_replication_slot")
    place.psql("SELECT pg_drop_replication_slot('taken' || i) FROM generate_series(1, 3) i")
    works(place)


def test_wal_level_is_not_logical(place) -> None:
    place.psql(TABLES)
    place.server.settings["wal_level"] = "replica"
    place.server.restart()
    line = checks(place)["wal_level"]
    assert line["outcome"] == "FAIL" and "ALTER SYSTEM SET wal_level = logical" in line["mend"]
    place.refuses(OPERATOR, "wal_level", "wal_level")
    place.server.settings["wal_level"] = "logical"
    place.server.restart()
    works(place)
