"""What many commits leave: a bounded number of delete files, and of snapshots only those that the configuration keeps."""

from harness.readers import assert_readers_agree, load_table, source_rows
from mirror.mirrored import assert_metadata, assert_mirrored, pipeline, unreachable_files

SQL = "CREATE TABLE a (id int PRIMARY KEY, v int); INSERT INTO a SELECT i, 0 FROM generate_series(1, 5000) i"
COMMITS = 150
KEPT = 12
METADATA_FILES_MAX = 21  # the current one and 20 before it
DELETE_FILES_MAX = 30  # ten of a tier become one: 150 commits need two tiers and what is below


def test_many_commits_leave_little(tmp_path) -> None:
    history = {"all": "1s", "every_minute": "0s", "every_hour": "0s", "every_day": "0s", "max": KEPT}
    with pipeline(tmp_path, SQL) as (pg, sluice):
        sluice.write_config(pg.url(), defaults={"freshness": "0ms", "snapshots": history})
        sluice.run_background()
        sluice.caught_up()
        rows, most = {}, 0
        for step in range(COMMITS):
            pg.psql(f"UPDATE a SET v = {step + 1} WHERE id % {COMMITS} = {step}")
            sluice.ok("wait")
            if step >= COMMITS - KEPT:
                snapshot = load_table(sluice.catalog_db, "public.a").current_snapshot().snapshot_id
                rows[snapshot] = source_rows(pg, "a")
            if step % 10 == 0:
                most = max(most, sluice.status()["tables"][0]["delete_files"])
        assert most <= DELETE_FILES_MAX
        table = load_table(sluice.catalog_db, "public.a")
        retained = {snapshot.snapshot_id for snapshot in table.metadata.snapshots}
        assert len(retained) <= KEPT
        metadata = list((sluice.folder / "lake" / "public" / "a").rglob("*.metadata.json"))
        assert len(metadata) <= METADATA_FILES_MAX
        for snapshot in retained & rows.keys():
            assert_readers_agree(rows[snapshot], sluice.catalog_db, "public.a", snapshot)
        assert retained & rows.keys()
        assert_mirrored(pg, sluice, ["public.a"])
        assert sluice.stop() == 0
        assert not unreachable_files(sluice, "public.a")
        assert_metadata(sluice)
