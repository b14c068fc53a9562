# Run by the tests that l0_add_compile_failure adds; the variables come from there.
set(command "${COMPILER}" ${FLAGS} -fsyntax-only)
foreach(dir IN LISTS INCLUDES)
  list(APPEND command -I "${dir}")
endforeach()
foreach(dir IN LISTS SYSTEM_INCLUDES)
  list(APPEND command -isystem "${dir}")
endforeach()

execute_process(COMMAND ${command} "${GOOD}" RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${GOOD} should compile:\n${said}")
endif()

execute_process(COMMAND ${command} -DL0_MUST_NOT_COMPILE "${BAD}" RESULT_VARIABLE status OUTPUT_VARIABLE said
                ERROR_VARIABLE said)
if(status EQUAL 0)
  message(FATAL_ERROR "${BAD} should not compile, but does")
endif()
if(NOT said MATCHES "${REGEX}")
  message(FATAL_ERROR "${BAD} does not compile, as it should, but the compiler never says \"${REGEX}\":\n${said}")
endif()
