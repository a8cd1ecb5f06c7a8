#include "postgres/testing/type_cases.h"

namespace sluice::postgres::testing {

const char* const kTypeCasesSetup = R"sql(
SET search_path = public;
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION cube;
CREATE TYPE mood AS ENUM ('sad', 'so so', 'ok');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS numeric(10, 2) CHECK (VALUE > 0);
CREATE DOMAIN positive_still AS positive;
CREATE DOMAIN fixed AS char(5);
CREATE DOMAIN flag AS bool;
CREATE DOMAIN ints AS int[];
)sql";

namespace {

const std::string kNinesOf38(38, '9');
const std::string kLongText(5000, 'x');

std::vector<TypeCase> Numbers() {
  return {
      {"bool", "boolean", true, {"t", "f"}, {}},
      {"int2", "int", true, {"-32768", "0", "32767"}, {}},
      {"int4", "int", true, {"-2147483648", "-1", "2147483647"}, {}},
      {"int8", "long", true, {"-9223372036854775808", "0", "9223372036854775807"}, {}},
      {"oid", "long", true, {"0", "4294967295"}, {}},
      {"xid", "long", true, {"0", "4294967295"}, {}},
      {"cid", "long", true, {"7"}, {}},
      {"float4",
       "float",
       true,
       {"NaN", "Infinity", "-Infinity", "-0", "0", "1e-45", "3.4028235e38", "0.1", "16777216",
        "1e6", "123456", "1234567", "0.0001", "0.00001"},
       {}},
      {"float8",
       "double",
       true,
       {"NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7976931348623157e308", "0.1", "1e23",
        "1e15", "1e14", "123456789012345", "1234567890123456", "0.0001", "0.00001",
        "9007199254740993", "2e-44", "8.41e21", "9.5367431640625e-07"},
       {}},
      {"numeric(10,2)",
       "decimal(10, 2)",
       true,
       {"0", "1.50", "-0.01", "99999999.99", "-99999999.99", "10000", "10000.01"},
       {"NaN"}},
      {"numeric(38,0)", "decimal(38, 0)", true, {kNinesOf38, "-" + kNinesOf38, "0", "1"}, {"NaN"}},
      {"numeric(38,38)",
       "decimal(38, 38)",
       true,
       {"0." + kNinesOf38, "-0." + kNinesOf38, "0", "0.00000000000000000000000000000000000001"},
       {"NaN"}},
      {"numeric(38,19)",
       "decimal(38, 19)",
       true,
       {"9999999999999999999.9999999999999999999", "-0.0000000000000000001", "1e18"},
       {"NaN"}},
      {"numeric(19,3)", "decimal(19, 3)", true, {"9999999999999999.999", "0.001", "1"}, {"NaN"}},
      {"numeric(3,-2)", "decimal(5, 0)", true, {"99900", "-100", "0"}, {"NaN"}},
      {"numeric(2,5)", "decimal(5, 5)", true, {"0.00099", "-0.00001", "0"}, {"NaN"}},
      {"numeric(39,1)", "string", true, {"1.5", "NaN", "0.0"}, {}},
      {"numeric",
       "string",
       true,
       {"0", "0.00", "NaN", "Infinity", "-Infinity", "1e-1000", "1e1000", "-12345.678900",
        "10000000000000000000000000000000000000000", "0.0001", "1.10", "99999999", "100000000",
        "1e131071", "-0.00000000000000001"},
       {}},
      {"money",
       "decimal(19, 2)",
       true,
       {"0", "12.34", "-0.05", "1234567.89", "-92233720368547758.08", "92233720368547758.07"},
       {}},
      {"positive", "decimal(10, 2)", true, {"1.10"}, {"NaN"}},
      {"positive_still", "decimal(10, 2)", true, {"99999999.99"}, {}},
      {"flag", "boolean", true, {"t", "f"}, {}},
  };
}

std::vector<TypeCase> Texts() {
  return {
      {"text", "string", true, {"", "plain", "übergröße 🐝", "tab\tline\nquote'\\", kLongText}, {}},
      {"varchar(40)", "string", true, {"", "  kept  "}, {}},
      {"char(5)", "string", true, {"ab", "", "abcde"}, {}},
      {"fixed", "string", true, {"ab"}, {}},
      {"name", "string", true, {"some_name"}, {}},
      {"citext", "string", true, {"MiXed"}, {}},
      {"xml",
       "string",
       true,
       {"<a>ü</a>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a/>",
        "<?xml version=\"1.0\" standalone=\"yes\"?><a/>"},
       {}},
      {"mood", "string", true, {"sad", "so so"}, {}},
      {"json", "string", true, {"{\"b\": 1,  \"a\":2, \"a\":3}", "null"}, {}},
      {"jsonb",
       "string",
       true,
       {"{\"b\": 1,  \"a\":1.10, \"a\":[]}", "null", "\"ü\"", "1e400"},
       {}},
      {"jsonpath", "string", true, {"$.a[*] ? (@ > 2)"}, {}},
      {"\"char\"", "string", true, {"a", ""}, {}},
      {"tsvector", "string", false, {"'a':1A,2 'b'", ""}, {}},
      {"tsquery", "string", false, {"'fat' & ( 'rat' | 'cat' )"}, {}},
      {"ltree", "string", true, {"Top.Science"}, {}},
      {"hstore", "string", false, {"\"a\"=>\"1\", \"b\"=>NULL", ""}, {}},
      {"bytea", "binary", true, {"", "\\x00ff10", "\\x" + std::string(6000, 'a')}, {}},
      {"uuid",
       "uuid",
       true,
       {"00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
       {}},
  };
}

std::vector<TypeCase> Times() {
  return {
      {"date",
       "date",
       true,
       {"2024-02-29", "1970-01-01", "1969-12-31", "0044-03-15 BC", "4714-11-24 BC", "0001-12-31 BC",
        "0001-01-01", "9999-12-31", "10000-01-01", "5874897-12-31", "1900-03-01"},
       {"infinity", "-infinity"}},
      {"time",
       "string",
       true,
       {"00:00:00", "23:59:59.999999", "24:00:00", "12:34:56.5", "01:02:03.000001"},
       {}},
      {"time(3)", "string", true, {"01:02:03.12"}, {}},
      {"timetz",
       "string",
       true,
       {"01:02:03+05:30", "24:00:00-15:59:59", "00:00:00.1+00", "12:00:00+15:59", "12:00:00-03"},
       {}},
      {"timestamp",
       "timestamp",
       true,
       {"2024-01-31 12:00:00.5", "1970-01-01 00:00:00", "1999-12-31 23:59:59.999999",
        "0044-03-15 01:02:03 BC", "4714-11-24 00:00:00 BC", "9999-12-31 23:59:59.999999",
        "20000-01-01 00:00:00", "294246-12-31 23:59:59.999999", "1969-12-31 23:59:59.000001"},
       {"infinity", "-infinity", "294276-12-31 23:59:59.999999", "294247-01-11 00:00:00"}},
      {"timestamptz",
       "timestamptz",
       true,
       {"2024-01-31 12:00:00.5+05:30", "1970-01-01 00:00:00+00", "0044-03-15 01:02:03+00 BC",
        "4714-11-24 00:00:00+00 BC", "294246-12-31 23:59:59.999999+00"},
       {"infinity", "-infinity", "294276-12-31 23:59:59.999999+00"}},
      {"timestamp(0)", "timestamp", true, {"2024-01-31 12:00:00"}, {"infinity"}},
      {"interval",
       "string",
       true,
       {"0", "1 year 2 mons 3 days 04:05:06.789", "-1 year -2 mons +3 days -04:05:06.000001",
        "-00:00:00.5", "1 mon -1 day", "-1 mon", "178000000 years", "-178000000 years",
        "2562047788:00:54.775807", "1 sec", "-59.999999 sec", "13 mons", "25:00:00"},
       {}},
  };
}

std::vector<TypeCase> Addresses() {
  return {
      {"inet",
       "string",
       true,
       {"10.0.0.5", "10.0.0.5/24", "0.0.0.0/0", "::", "::1", "::/0", "2001:db8::1/64",
        "::ffff:1.2.3.4", "::1.2.3.4", "1:0:0:2:0:0:0:3", "1:0:2:3:4:5:6:7",
        "fe80::", "0:0:1::", "::2:0:0:3", "::ffff:0:1.2.3.4", "1:2:3:4:5:6:7:8/128"},
       {}},
      {"cidr",
       "string",
       true,
       {"10.0.0.0/8", "10.1.2.3/32", "::/0", "2001:db8::/32", "::1/128"},
       {}},
      {"macaddr", "string", true, {"08:00:2b:01:02:03"}, {}},
      {"macaddr8", "string", true, {"08:00:2b:01:02:03:04:05"}, {}},
      {"bit(1)", "string", true, {"0", "1"}, {}},
      {"bit(11)", "string", true, {"10110011101"}, {}},
      {"varbit", "string", true, {"", "1", "101100111"}, {}},
      {"pg_lsn", "string", true, {"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"}, {}},
      {"xid8", "string", true, {"0", "18446744073709551615"}, {}},
      {"tid", "string", true, {"(0,1)", "(4294967295,65535)"}, {}},
      {"pg_snapshot", "string", false, {"10:20:10,14,15"}, {}},
      {"regclass", "string", false, {"pg_class", "0"}, {}},
      {"regtype", "string", false, {"integer"}, {}},
      {"aclitem", "string", false, {"postgres=r/postgres"}, {}},
      {"point", "string", false, {"(1,2)", "(1e300,-0.1)"}, {}},
      {"line", "string", false, {"{1,2,3}"}, {}},
      {"lseg", "string", false, {"[(1,2),(3,4)]"}, {}},
      {"box", "string", false, {"(3,4),(1,2)"}, {}},
      {"path", "string", false, {"[(1,2),(3,4)]", "((1,2),(3,4))"}, {}},
      {"polygon", "string", false, {"((1,2),(3,4),(5,6))"}, {}},
      {"circle", "string", false, {"<(1,2),3>"}, {}},
      {"cube", "string", false, {"(1, 2),(3, 4)"}, {}},
  };
}

std::vector<TypeCase> Nested() {
  return {
      {"int4[]", "list<int>", true, {"{}", "{1,NULL,-3}"}, {"{{1,2},{3,4}}", "[0:1]={1,2}"}},
      {"int8[][]", "string", true, {"{}", "{{1,2},{3,NULL}}", "[0:1][-1:0]={{1,2},{3,4}}"}, {}},
      {"ints", "list<int>", true, {"{5}"}, {}},
      {"text[]",
       "list<string>",
       true,
       {"{a,\"b c\",\"\",NULL,\"NULL\",\"q\\\"\\\\{},\"}", "{null}", "{\"nUlL\"}", "{ü}"},
       {"{{a},{b}}"}},
      {"varchar(3)[]", "list<string>", true, {"{abc}"}, {}},
      {"char(4)[]", "list<string>", true, {"{ab}"}, {}},
      {"numeric(10,2)[]", "list<decimal(10, 2)>", true, {"{1.50,NULL}"}, {"{1.50,NaN}"}},
      {"numeric[]", "list<string>", true, {"{1.50,NaN,1e100}"}, {}},
      {"positive[]", "list<decimal(10, 2)>", true, {"{1.50}"}, {}},
      {"bool[]", "list<boolean>", true, {"{t,f,NULL}"}, {}},
      {"bytea[]", "list<binary>", true, {"{\"\\\\x00ff\",\"\\\\x\"}"}, {}},
      {"date[]", "list<date>", true, {"{2024-01-01}"}, {"{infinity}"}},
      {"timestamptz[]",
       "list<timestamptz>",
       true,
       {"{\"2024-01-01 00:00:00+00\"}"},
       {"{infinity}"}},
      {"time[]", "list<string>", true, {"{24:00:00}"}, {}},
      {"uuid[]", "list<uuid>", true, {"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}"}, {}},
      {"float8[]", "list<double>", true, {"{NaN,-0,1e23}"}, {}},
      {"money[]", "list<decimal(19, 2)>", true, {"{$1.50}"}, {}},
      {"jsonb[]", "list<string>", true, {"{\"{\\\"a\\\": 1}\",NULL}"}, {}},
      {"inet[]", "list<string>", true, {"{10.0.0.1,::/0}"}, {}},
      {"mood[]", "list<string>", true, {"{sad,\"so so\"}"}, {}},
      {"interval[]", "list<string>", true, {"{P1D,PT0S}"}, {}},
      {"box[]", "list<string>", false, {"{(3,4),(1,2);(3,3),(1,1)}"}, {}},
      {"pair[]", "list<string>", false, {"{\"(1,\\\"a b\\\")\",NULL}"}, {}},
      {"citext[]", "list<string>", false, {"{A,b}"}, {}},
      {"ints[]", "list<string>", false, {"{\"{1,2}\",NULL}"}, {}},
      {"int2vector", "string", false, {"1 2 3"}, {}},
      {"oidvector", "string", false, {"1 2 3"}, {}},
      {"pair", "string", false, {"(1,\"a b\")", "(,)", "(1,\"\")"}, {}},
      {"int4range", "string", false, {"[1,5)", "empty", "(,)"}, {}},
      {"tstzrange", "string", false, {"[\"2024-01-01 00:00:00+00\",infinity)"}, {}},
      {"int4multirange", "string", false, {"{[1,2),[5,6)}", "{}"}, {}},
  };
}

}  // namespace

std::vector<TypeCase> TypeCases() {
  std::vector<TypeCase> out;
  for (auto& part : {Numbers(), Texts(), Times(), Addresses(), Nested()}) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

}  // namespace sluice::postgres::testing
