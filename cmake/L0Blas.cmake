# l0::blas: matrix products by a BLAS (OpenBLAS, BLIS, MKL, ...) through Eigen's hook, for who asks: -DL0_BLAS=ON as a subproject,
# find_package(l0 COMPONENTS blas) of the package. The macro must be the same in all of a program, so l0::compiled takes it as well.
if(TARGET l0::blas)
  return()
endif()
find_package(BLAS QUIET)
if(BLAS_FOUND)
  add_library(l0_blas INTERFACE)
  add_library(l0::blas ALIAS l0_blas)
  target_link_libraries(l0_blas INTERFACE l0::l0 ${BLAS_LINKER_FLAGS} ${BLAS_LIBRARIES})
  target_compile_definitions(l0_blas INTERFACE EIGEN_USE_BLAS)
  target_link_libraries(l0_compiled PUBLIC l0_blas)
endif()
