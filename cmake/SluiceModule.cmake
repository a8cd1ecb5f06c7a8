# sluice_module(NAME SOURCES a.cc TESTS a_test.cc DEPS x PRIVATE_DEPS y TEST_DEPS z)
# A module is a folder, a namespace (sluice::NAME), the library sluice_NAME and the test program
# NAME_tests. Sources are listed, not globbed, so that a test no target builds is found by tidy.
function(sluice_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;TESTS;DEPS;PRIVATE_DEPS;TEST_DEPS" ${ARGN})
  add_library(sluice_${name} STATIC ${arg_SOURCES})
  target_link_libraries(sluice_${name} PUBLIC sluice_options ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
  if(arg_TESTS)
    add_executable(${name}_tests ${arg_TESTS})
    target_link_libraries(${name}_tests PRIVATE sluice_${name} ${arg_PRIVATE_DEPS} ${arg_TEST_DEPS}
      GTest::gtest_main GTest::gmock)
    add_test(NAME unit.${name} COMMAND ${name}_tests)
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 900)
    if(SLUICE_SANITIZE)
      # Compiled in half the time; what takes time when they run is the module's own code.
      set_property(SOURCE ${arg_TESTS} APPEND PROPERTY COMPILE_OPTIONS -O0)
    endif()
  endif()
endfunction()

# sluice_fuzz_target(NAME SOURCES f.cc DEPS x): built under the `asan` preset only.
function(sluice_fuzz_target name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  if(SLUICE_FUZZ)
    add_executable(fuzz_${name} ${arg_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE ${arg_DEPS})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()

# sluice_micro_bench(NAME SOURCES b.cc DEPS x): one stage alone, for whoever changes it; built with
# everything else, so that it stays true, and run by hand: build/release/bin/NAME.
function(sluice_micro_bench name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT SLUICE_SANITIZE)
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE ${arg_DEPS} benchmark::benchmark_main)
  endif()
endfunction()
