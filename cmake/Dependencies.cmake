# Every library the project links, found once. Versions are those of Debian 12; Arrow and Parquet
# come out of the pinned pyarrow wheel (or any installed Arrow that CMake finds).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(GTest REQUIRED)
if(NOT SLUICE_SANITIZE)
  find_package(benchmark REQUIRED)
endif()
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
find_package(roaring REQUIRED)
find_package(ZLIB REQUIRED)

set(PYARROW_DIR "" CACHE PATH "folder of the pinned pyarrow package (headers and libraries)")
set(PYARROW_VERSION 26.0.1)
add_library(deps_arrow INTERFACE)
add_library(deps::arrow ALIAS deps_arrow)
if(PYARROW_DIR)
  if(NOT EXISTS "${PYARROW_DIR}/include/arrow/util/config.h")
    message(FATAL_ERROR "PYARROW_DIR=${PYARROW_DIR} holds no Arrow headers; run tools/setup.sh")
  endif()
  file(STRINGS "${PYARROW_DIR}/include/arrow/util/config.h" arrow_version_line
       REGEX "define ARROW_VERSION_STRING")
  if(NOT arrow_version_line MATCHES "\"${PYARROW_VERSION}\"")
    message(FATAL_ERROR "Arrow in ${PYARROW_DIR} is not ${PYARROW_VERSION}: ${arrow_version_line}")
  endif()
  foreach(library arrow parquet)
    add_library(pyarrow::${library} SHARED IMPORTED)
    set_target_properties(pyarrow::${library} PROPERTIES
      IMPORTED_LOCATION "${PYARROW_DIR}/lib${library}.so.2600"
      IMPORTED_SONAME "lib${library}.so.2600"
      INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${PYARROW_DIR}/include"
      INTERFACE_INCLUDE_DIRECTORIES "${PYARROW_DIR}/include")
  endforeach()
  target_link_libraries(deps_arrow INTERFACE pyarrow::parquet pyarrow::arrow)
  # libparquet exports a static libcrypto; system libssl must bind to the system's own, so libcrypto
  # stands before libparquet in every executable's NEEDED list (docs/design/2026-11-22-libcrypto.md).
  target_link_options(deps_arrow INTERFACE "LINKER:--push-state,--no-as-needed,-lcrypto,--pop-state")
else()
  find_package(Arrow REQUIRED)
  find_package(Parquet REQUIRED)
  target_link_libraries(deps_arrow INTERFACE Parquet::parquet_shared Arrow::arrow_shared)
endif()

pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
add_library(deps::httplib ALIAS PkgConfig::HTTPLIB)
find_package(prometheus-cpp REQUIRED)
