# l0_add_compile_failure(<name> <good> <bad> <regex> [SENTENCES <count>])
#
# Adds the test compile_failure.<name>: <good> must compile, and <bad> must not, with <regex> in what the compiler says.
# The pair shows that the failure has the stated cause and not a missing include. <good> and <bad> may be one file: the
# second compilation defines L0_MUST_NOT_COMPILE. With SENTENCES, <bad> makes <count> mistakes and the compiler reports as
# many errors, each with a sentence of the library's.
set(L0_COMPILE_FAILURE_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/RunCompileFailure.cmake")

function(l0_add_compile_failure name good bad regex)
  cmake_parse_arguments(PARSE_ARGV 4 arg "" "SENTENCES" "")
  cmake_path(ABSOLUTE_PATH good)
  cmake_path(ABSOLUTE_PATH bad)
  add_test(
    NAME compile_failure.${name}
    COMMAND
      ${CMAKE_COMMAND} "-DCOMPILER=${CMAKE_CXX_COMPILER}"
      "-DFLAGS=${CMAKE_CXX20_STANDARD_COMPILE_OPTION};${L0_WARNING_FLAGS}"
      "-DINCLUDES=${PROJECT_SOURCE_DIR}/include"
      "-DSYSTEM_INCLUDES=$<TARGET_PROPERTY:Eigen3::Eigen,INTERFACE_INCLUDE_DIRECTORIES>"
      "-DGOOD=${good}" "-DBAD=${bad}" "-DREGEX=${regex}" "-DSENTENCES=${arg_SENTENCES}" -P "${L0_COMPILE_FAILURE_SCRIPT}")
  set_tests_properties(compile_failure.${name} PROPERTIES LABELS compile_failure TIMEOUT 300)
endfunction()
