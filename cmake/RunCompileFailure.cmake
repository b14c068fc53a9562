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
if(SENTENCES)
  string(REGEX REPLACE "[][;]" " " said "${said}")  # what lists are made of
  string(REGEX MATCHALL "error: [^\n]*" errors "${said}")
  string(REGEX MATCHALL "error: [^\n]*l0: [^\n]*" sentences "${said}")
  list(LENGTH errors error_count)
  list(LENGTH sentences sentence_count)
  if(NOT error_count EQUAL SENTENCES OR NOT sentence_count EQUAL SENTENCES)
    message(FATAL_ERROR "${BAD}: ${SENTENCES} mistakes, but ${error_count} errors, ${sentence_count} of them sentences of "
                        "l0:\n${said}")
  endif()
endif()
