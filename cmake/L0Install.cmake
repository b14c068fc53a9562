# Install rules: headers, a CMake package (find_package(l0 CONFIG)) and a pkg-config file. All of it is independent of
# the machine, so it goes below share/. None of it holds an absolute path: an installed tree may be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(l0_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/l0")
set(l0_pc_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

target_include_directories(l0 INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/l0" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp")
install(TARGETS l0 EXPORT l0Targets)
install(EXPORT l0Targets NAMESPACE l0:: DESTINATION "${l0_package_dir}")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/l0Config.cmake.in" "${PROJECT_BINARY_DIR}/l0Config.cmake"
                              INSTALL_DESTINATION "${l0_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/l0ConfigVersion.cmake" COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/l0Config.cmake" "${PROJECT_BINARY_DIR}/l0ConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/L0FindEigen.cmake" "${CMAKE_CURRENT_LIST_DIR}/L0Compiled.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/L0Blas.cmake"
        DESTINATION "${l0_package_dir}")
install(DIRECTORY "${CMAKE_CURRENT_LIST_DIR}/compiled" DESTINATION "${l0_package_dir}")

# The build tree serves as a package as well: -Dl0_DIR=<this build folder>.
export(EXPORT l0Targets NAMESPACE l0:: FILE "${PROJECT_BINARY_DIR}/l0Targets.cmake")
file(COPY "${CMAKE_CURRENT_LIST_DIR}/L0FindEigen.cmake" "${CMAKE_CURRENT_LIST_DIR}/L0Compiled.cmake"
          "${CMAKE_CURRENT_LIST_DIR}/L0Blas.cmake" "${CMAKE_CURRENT_LIST_DIR}/compiled"
     DESTINATION "${PROJECT_BINARY_DIR}")

file(RELATIVE_PATH l0_pc_to_prefix "${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" l0_pc_to_prefix "${l0_pc_to_prefix}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(l0_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(l0_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file("${CMAKE_CURRENT_LIST_DIR}/l0.pc.in" "${PROJECT_BINARY_DIR}/l0.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/l0.pc" DESTINATION "${l0_pc_dir}")
