"""One long-lived Spark session behind stdin and stdout: a JSON request a line, a JSON answer a line.

Request {"catalog_db", "catalog_name", "sql", "folder"}: the result of `sql` is written as Parquet into `folder` by
Spark itself, so that no value passes through Python's conversions. Answer {"ok": true} or {"error": text}. Ends with stdin.
"""

import json
import os
import sys

from pyspark.sql import SparkSession

CATALOG_CLASS = "org.apache.iceberg.spark.SparkCatalog"


def start_session() -> SparkSession:
    jars = os.environ["SPARK_JARS"]
    paths = ",".join(os.path.join(jars, name) for name in sorted(os.listdir(jars)) if name.endswith(".jar"))
    settings = {
        "spark.jars": paths, "spark.ui.enabled": "false", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1", "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # Short-lived: start fast.
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.shuffle.partitions": "2", "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED", "spark.sql.warehouse.dir": os.environ["SPARK_SCRATCH"],
        "spark.local.dir": os.environ["SPARK_SCRATCH"], "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master("local[2]").appName("readers")
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def session_for(spark: SparkSession, request: dict, sessions: dict) -> SparkSession:
    """Catalogs belong to a session: one for each database file, so that several may be called `lake`."""
    key = (request["catalog_db"], request["catalog_name"])
    if key not in sessions:
        session = spark.newSession()
        prefix = f"spark.sql.catalog.{request['catalog_name']}"
        session.conf.set(prefix, CATALOG_CLASS)
        for name, value in {"type": "jdbc", "uri": f"jdbc:sqlite:{request['catalog_db']}", "jdbc.schema-version": "V1",
                            "warehouse": os.environ["SPARK_SCRATCH"], "cache-enabled": "false"}.items():
            session.conf.set(f"{prefix}.{name}", value)
        sessions[key] = session
    return sessions[key]


def answer(spark: SparkSession, request: dict, sessions: dict) -> dict:
    try:
        result = session_for(spark, request, sessions).sql(request["sql"])
        if request.get("folder"):
            result.write.mode("overwrite").parquet(request["folder"])
        return {"ok": True}
    except Exception as error:  # Everything Spark throws is the answer to this one request.
        return {"error": str(error)[:4000]}


def main() -> None:
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # The JVM prints to stdout, too.
    spark = start_session()
    sessions: dict = {}
    for line in sys.stdin:
        replies.write(json.dumps(answer(spark, json.loads(line), sessions)) + "\n")
        replies.flush()
    spark.stop()


if __name__ == "__main__":
    main()
