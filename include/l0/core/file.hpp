// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// All files are opened, read and written here; io/text.hpp and io/bytes.hpp take apart what stands in them.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/stat.h>
#include <unistd.h>
#endif

#include <l0/core/error.hpp>

namespace l0::detail {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

/// Refuses a file: "l0: file PATH is WHAT, expected EXPECTATION".
[[noreturn]] inline void fail_file(const std::string& path, std::string_view what, std::string_view expectation) {
  fail("file " + path, what, expectation);
}

/// The same, with what the system says: "not readable (Permission denied)".
[[noreturn]] inline void fail_by_system(const std::string& path, const char* what, std::string_view expectation) {
  const int reason = errno;
  fail_file(path, reason == 0 ? what : std::string(what) + " (" + std::strerror(reason) + ")", expectation);
}

/// What is made of a file that begins as gzip's do.
enum class Gzip {
  refused,  ///< an error: nothing else that is read begins so
  ignored,  ///< nothing: bytes may be any
};

/// Reads a file from its start, in parts.
class FileReader {
 public:
  /// Throws `Error` for a directory and for what cannot be opened.
  explicit FileReader(std::string path, Gzip gzip = Gzip::refused) : path_(std::move(path)), gzip_(gzip) {
    errno = 0;
    file_.reset(std::fopen(path_.c_str(), "rb"));
    if (!file_) fail_by_system(path_, "not readable", "a file that can be opened");
    before_ = mark();
    if (before_.is_directory) fail_file(path_, "a directory", "a file");
  }

  const std::string& path() const { return path_; }
  /// Its bytes when it was opened; 0 where the system does not know.
  std::uint64_t size() const { return before_.size; }

  /// Appends at most `count` bytes; false when the file is at its end. Throws `Error` for what cannot be read, for a
  /// file that was changed since it was opened and for a compressed one.
  bool read(std::string& bytes, std::size_t count) {
    const std::size_t begin = bytes.size();
    bytes.resize(begin + count);
    errno = 0;
    const std::size_t got = std::fread(bytes.data() + begin, 1, count, file_.get());
    bytes.resize(begin + got);
    if (std::ferror(file_.get()) != 0) fail_by_system(path_, "not readable", "a file that can be read to its end");
    if (taken_ == 0 && gzip_ == Gzip::refused) refuse_compressed(std::string_view(bytes).substr(begin));
    taken_ += got;
    const Mark now = mark();
    const bool cut_off = got < count && before_.size != 0 && taken_ != before_.size;
    if (now.size != before_.size || now.seconds != before_.seconds || now.nanoseconds != before_.nanoseconds ||
        cut_off) {
      fail_file(path_, "changed while it was read", "a file that nobody writes to");
    }
    return got == count;
  }

 private:
  struct Mark {
    bool is_directory = false;
    std::uint64_t size = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
  };

  Mark mark() const {
    Mark result;
#if defined(__unix__) || defined(__APPLE__)
    struct stat status {};
    if (fstat(fileno(file_.get()), &status) != 0) return result;
    result.is_directory = S_ISDIR(status.st_mode);
    if (!S_ISREG(status.st_mode)) return result;  // of a pipe nothing is known
    result.size = static_cast<std::uint64_t>(status.st_size);
#ifdef __APPLE__
    result.seconds = static_cast<std::int64_t>(status.st_mtimespec.tv_sec);
    result.nanoseconds = static_cast<std::int64_t>(status.st_mtimespec.tv_nsec);
#else
    result.seconds = static_cast<std::int64_t>(status.st_mtim.tv_sec);
    result.nanoseconds = static_cast<std::int64_t>(status.st_mtim.tv_nsec);
#endif
#endif
    return result;
  }

  void refuse_compressed(std::string_view begin) const {
    const bool is_tensors = begin.size() > 8 && begin[8] == '{';  // 1f 8b may begin the length of a safetensors header
    if (begin.starts_with("\x1f\x8b") && !is_tensors) fail_file(path_, "compressed by gzip", "what gunzip makes of it");
  }

  std::string path_;
  Gzip gzip_;
  File file_;
  Mark before_;
  std::uint64_t taken_ = 0;
};

/// All bytes of a file. Throws `Error` as `FileReader` does.
inline std::string read_file(const std::string& path, Gzip gzip = Gzip::refused) {
  FileReader file(path, gzip);
  std::string bytes;
  constexpr std::size_t block = std::size_t{1} << 20;
  // One byte more than there are: the end is then found by the first read.
  const auto first = static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), bytes.max_size() - 1)) + 1;
  for (std::size_t count = std::max(first, block); file.read(bytes, count); count = block) {
  }
  return bytes;
}

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

/// Writes a file under another name first, so that an old one stays until the new one is whole.
class FileWriter {
 public:
  /// Throws `Error` where no file can be made.
  explicit FileWriter(std::string path) : path_(std::move(path)), part_(path_ + ".part") {
    errno = 0;
    file_.reset(std::fopen(part_.c_str(), "wb"));
    if (!file_) fail_by_system(path_, "not writable", "a place where a file can be made");
  }
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;
  ~FileWriter() {
    if (is_done_) return;
    file_.reset();
    std::remove(part_.c_str());
  }

  /// Appends. Throws `Error` where there is no room.
  void write(std::string_view bytes) {
    errno = 0;
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) refuse();
    written_ += bytes.size();
  }

  /// Puts the file where it belongs. Throws `Error` where that fails.
  void finish() {
    errno = 0;
    if (!replace_file(file_.release(), part_, path_)) refuse();
    is_done_ = true;
  }

 private:
  [[noreturn]] void refuse() const {
    fail_by_system(path_, "not written", "a file with room for " + to_text(written_) + " bytes and more");
  }

  std::string path_;
  std::string part_;
  File file_;
  std::size_t written_ = 0;
  bool is_done_ = false;
};

/// Writes a file as a whole. Throws `Error` as `FileWriter` does.
inline void write_file(const std::string& path, std::string_view bytes) {
  FileWriter file(path);
  file.write(bytes);
  file.finish();
}

}  // namespace l0::detail
