# Sourced by setup.sh: jars of the Spark reader, through Maven into the cache folder (~/.m2 is not touched).
copy_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy

install_jars() {
  local folder="$1" coordinates sha256 why
  while read -r coordinates sha256 why; do
    logged jars mvn -q -B "-Dmaven.repo.local=$SLUICE_CACHE/maven" "$copy_plugin" \
      "-Dartifact=$coordinates" "-DoutputDirectory=$folder"
    check_jar "$folder" "$coordinates" "$sha256"
  done < <(grep -v '^#' "$tools/versions/jars.txt")
}

check_jar() {
  local name version jar
  IFS=: read -r _ name version <<<"$2"
  jar="$1/$name-$version.jar"
  echo "$3  $jar" | sha256sum -c --quiet - || fail "$jar is not the one tools/versions/jars.txt names"
}
