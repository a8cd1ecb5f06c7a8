-- Documents of about 8 KB: orders of 90 positions as jsonb, stored out of line. Deterministic. psql variable `rows`.
CREATE TABLE documents (id bigint PRIMARY KEY, body jsonb NOT NULL);
INSERT INTO documents
SELECT i, (SELECT jsonb_build_object('order', i, 'positions', jsonb_agg(jsonb_build_object(
                    'sku', substr(md5((i * 100 + p)::text), 1, 12), 'name', 'article number ' || (i * 7 + p * 13) % 5000,
                    'count', (i + p) % 9 + 1, 'price', ((i * 31 + p * 17) % 100000) / 100.0)))
           FROM generate_series(1, 90) p)
FROM generate_series(1, :rows) i;
VACUUM (FREEZE, ANALYZE) documents;
