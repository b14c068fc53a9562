// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstdio>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace l0::detail {

/// Closes what was written under the name `part` and puts it in the place of `path`: whoever opens that finds the old
/// file or the new one, whole, also after the program was killed or the power failed. The bytes are on the disk before
/// the name is. False where that failed; then `part` is gone and `path` as it was.
inline bool replace_file(std::FILE* written, const std::string& part, const std::string& path) {
  bool good = std::fflush(written) == 0 && std::ferror(written) == 0;
#if defined(__unix__) || defined(__APPLE__)
  // Pipes and some file systems have no disk to wait for, and say so.
  good = good && (fsync(fileno(written)) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS);
#endif
  good = std::fclose(written) == 0 && good;
  good = good && std::rename(part.c_str(), path.c_str()) == 0;
  if (!good) std::remove(part.c_str());
  return good;
}

}  // namespace l0::detail
