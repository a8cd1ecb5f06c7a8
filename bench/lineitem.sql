-- TPC-H's lineitem in shape: its columns and types, keys in runs of one to seven lines an order, values drawn as dbgen
-- draws them. Deterministic: every value is a hash of its order and line. psql variable `rows`.
CREATE TABLE lineitem (
  l_orderkey bigint NOT NULL, l_partkey integer NOT NULL, l_suppkey integer NOT NULL, l_linenumber integer NOT NULL,
  l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL,
  l_tax numeric(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL,
  l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
  l_comment varchar(44) NOT NULL);

CREATE FUNCTION draw(key bigint, seed bigint, count bigint) RETURNS bigint IMMUTABLE PARALLEL SAFE LANGUAGE sql
  RETURN (hashint8extended(key, seed) & 9223372036854775807) % count;

WITH lines AS (
  SELECT o, line, o * 8 + line AS id, date '1992-01-01' + draw(o, 1, 2406)::int AS ordered,
         1 + draw(o * 8 + line, 2, 200000)::int AS part, 1 + draw(o * 8 + line, 3, 50)::int AS quantity
  FROM generate_series(1, :rows / 4 + 1000) o, LATERAL generate_series(1, 1 + draw(o, 4, 7)::int) line
  LIMIT :rows
), dated AS (
  SELECT *, ordered + 1 + draw(id, 5, 121)::int AS shipped, ordered + 30 + draw(id, 6, 61)::int AS promised FROM lines
), received AS (
  SELECT *, shipped + 1 + draw(id, 7, 30)::int AS received FROM dated
)
INSERT INTO lineitem
SELECT (o / 8) * 32 + o % 8, part, 1 + (part + draw(id, 8, 4)::int * 2501) % 10000, line,
       quantity, quantity * (90000 + (part / 10) % 20001 + 100 * (part % 1000)) / 100.0,
       draw(id, 9, 11) / 100.0, draw(id, 10, 9) / 100.0,
       CASE WHEN received > date '1995-06-17' THEN 'N' ELSE (ARRAY['R', 'A'])[1 + draw(id, 11, 2)] END,
       CASE WHEN shipped > date '1995-06-17' THEN 'O' ELSE 'F' END, shipped, promised, received,
       (ARRAY['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + draw(id, 12, 4)],
       (ARRAY['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[1 + draw(id, 13, 7)],
       substr(w[1 + draw(id, 14, 64)] || ' ' || w[1 + draw(id, 15, 64)] || ' ' || w[1 + draw(id, 16, 64)] || ' ' ||
              w[1 + draw(id, 17, 64)] || ' ' || w[1 + draw(id, 18, 64)] || ' ' || w[1 + draw(id, 19, 64)],
              1 + draw(id, 20, 6)::int, 10 + draw(id, 21, 34)::int)
FROM received, (SELECT string_to_array(
  'foxes ideas theodolites pinto beans instructions dependencies excuses platelets asymptotes courts dolphins multipliers '
  'sauternes warthogs frets dinos attainments somas braids hockey players sleep wake are cajole haggle nag use boost affix '
  'detect integrate furious sly careful blithe quick fluffy slow quiet ruthless thin close dogged daring brave stealthy '
  'permanent enticing idle busy regular final ironic even bold silent sometimes always never furiously slyly quickly', ' ') AS w) words;

ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber);
VACUUM (FREEZE, ANALYZE) lineitem;
