-- New York's yellow taxi trips in shape: their 19 columns and a key, values drawn in their ranges, some of them null.
-- Deterministic: every value is a hash of the trip's number. psql variable `rows`.
CREATE TABLE trips (
  id bigint PRIMARY KEY, vendor integer, picked_up timestamp, dropped_off timestamp, passengers integer,
  distance double precision, rate integer, flag text, from_zone integer, to_zone integer, payment bigint,
  fare double precision, extra double precision, tax double precision, tip double precision, tolls double precision,
  surcharge double precision, total double precision, congestion double precision, airport double precision);

CREATE FUNCTION draw(key bigint, seed bigint, count bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE sql
  RETURN (hashint8extended(key, seed) & 9223372036854775807) % count;

WITH trips_drawn AS (
  SELECT i, timestamp '2024-01-01' + i / 3 * interval '1 second' + draw(i, 1, 900) * interval '1 second' AS start,
         60 + draw(i, 2, 3000) AS seconds, 50 + draw(i, 3, 2000) AS hundredths, draw(i, 4, 20) = 0 AS unknown
  FROM generate_series(1, :rows) i
)
INSERT INTO trips
SELECT i, 1 + draw(i, 5, 2), start, start + seconds * interval '1 second',
       CASE WHEN NOT unknown THEN 1 + draw(i, 6, 6) END, hundredths / 100.0, CASE WHEN NOT unknown THEN 1 + draw(i, 7, 5) END,
       CASE WHEN NOT unknown THEN (ARRAY['N', 'N', 'N', 'Y'])[1 + draw(i, 8, 4)] END, 1 + draw(i, 9, 265), 1 + draw(i, 10, 265),
       1 + draw(i, 11, 4), (300 + hundredths * 2) / 100.0, draw(i, 12, 4) * 0.5, 0.5, draw(i, 13, 1200) / 100.0,
       CASE WHEN draw(i, 14, 12) = 0 THEN 6.94 ELSE 0 END, 1.0, (500 + hundredths * 2 + draw(i, 13, 1200)) / 100.0,
       CASE WHEN NOT unknown THEN 2.5 END, CASE WHEN NOT unknown THEN draw(i, 15, 2) * 1.75 END
FROM trips_drawn;
VACUUM (FREEZE, ANALYZE) trips;
