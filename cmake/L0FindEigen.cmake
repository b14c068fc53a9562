# Makes sure that the target Eigen3::Eigen exists and is Eigen 3.4 or newer; otherwise says why in l0_eigen_problem.
# Used by the build and by the installed package. A target that is already there, from a parent project for example, is
# taken as it is.
#
# The version is compared here and not by find_package: Eigen's version file accepts only its own major version, so a
# request for 3.4 would turn Eigen 5 down.
set(l0_eigen_problem "")

if(NOT TARGET Eigen3::Eigen)
  find_package(Eigen3 QUIET NO_MODULE)
  if(NOT TARGET Eigen3::Eigen)
    set(l0_eigen_problem "l0 needs Eigen 3.4 or newer, and found none (Debian, Ubuntu: libeigen3-dev; or set Eigen3_DIR)")
  elseif(Eigen3_VERSION VERSION_LESS 3.4)
    set(l0_eigen_problem "l0 needs Eigen 3.4 or newer, and found ${Eigen3_VERSION} first (${Eigen3_DIR}); set Eigen3_DIR")
  endif()
endif()
