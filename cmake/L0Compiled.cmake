# l0::compiled: what programs need not compile again, in a static library (see include/l0/core/compiled.hpp). It is built
# only where a target links it, with the flags of the project that does; l0::l0 stays headers alone.
if(TARGET l0::compiled)
  return()
endif()
file(GLOB l0_compiled_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/compiled/*.cpp")
add_library(l0_compiled STATIC EXCLUDE_FROM_ALL ${l0_compiled_sources})
add_library(l0::compiled ALIAS l0_compiled)
target_link_libraries(l0_compiled PUBLIC l0::l0)
target_compile_definitions(l0_compiled PUBLIC L0_COMPILED_LIBRARY)
set_target_properties(l0_compiled PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
if(COMMAND l0_target_warnings)
  l0_target_warnings(l0_compiled)
endif()
