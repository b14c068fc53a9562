# Helpers for l0's own programs (tests, examples, benchmarks). Nothing here reaches a user of the library.
if(MSVC)
  set(L0_WARNING_FLAGS /W4 /permissive-)
else()
  set(L0_WARNING_FLAGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
endif()

# Headers that many of the programs include are parsed once, and what examples share is l0::compiled. Compiler caches do
# not take such files: not with them.
set(l0_precompile_default ON)
if(CMAKE_CXX_COMPILER_LAUNCHER)
  set(l0_precompile_default OFF)
endif()
option(L0_PRECOMPILE "Compile once what l0's own programs share" ${l0_precompile_default})
mark_as_advanced(L0_PRECOMPILE)

# g++ collects its garbage when its memory has doubled: a seventh of its time, for memory that is there.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(--param=ggc-min-heapsize=500000)
endif()

# l0_target_warnings(<target>): the warnings that l0's own code is held to.
function(l0_target_warnings target)
  target_compile_options(${target} PRIVATE ${L0_WARNING_FLAGS})
  if(L0_WARNINGS_AS_ERRORS)
    target_compile_options(${target} PRIVATE $<IF:$<BOOL:${MSVC}>,/WX,-Werror>)
  endif()
endfunction()

# l0_add_program(<target> <source>...): an executable that uses the library, in strict C++20, with those warnings.
function(l0_add_program target)
  add_executable(${target} ${ARGN})
  target_link_libraries(${target} PRIVATE l0::l0)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  l0_target_warnings(${target})
endfunction()

# l0_add_precompiled(<target> <header>...): a target that owns precompiled headers and nothing else, for programs with the
# same flags to take by REUSE_FROM. Were the first of them the owner, the others would wait for it to be linked.
function(l0_add_precompiled target)
  file(CONFIGURE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/${target}.cpp" CONTENT "")
  add_library(${target} OBJECT "${CMAKE_CURRENT_BINARY_DIR}/${target}.cpp")
  target_link_libraries(${target} PRIVATE l0::l0)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  l0_target_warnings(${target})
  target_precompile_headers(${target} PRIVATE ${ARGN})
endfunction()
