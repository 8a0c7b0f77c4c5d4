// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: headwise contributors

#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/check.h"

extern char** environ;

namespace headwise {
namespace {

class Pipe {
 public:
  Pipe() : whole_(::pipe2(ends_, O_CLOEXEC) == 0) {}
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    if (whole_) ::close(ends_[0]);
    close_writing();
  }
  bool whole() const { return whole_; }
  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void close_writing() {
    if (whole_ && ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
  bool whole_;
};

// Killed where nobody has waited for it.
class Child {
 public:
  explicit Child(pid_t id) : id_(id) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    wait();
  }
  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return status;
  }

 private:
  pid_t id_;
};

Result<pid_t> start(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                    int output) {
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t files;
  HW_CHECK(::posix_spawn_file_actions_init(&files) == 0);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t id = -1;
  const int problem = ::posix_spawn(&id, program.c_str(), &files, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (problem == 0) return id;
  return fail(ErrorCode::kIo, "'" + program.string() + "' cannot be started: " + std::strerror(problem));
}

// Until the other end is closed.
Status read_all(int from, const std::string& name, const ChildLimits& limits, std::string& text) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + limits.time;
  std::string buffer(size_t{1} << 16, '\0');
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) {
      return fail(ErrorCode::kResourceLimit,
                  "'" + name + "' took longer than " + std::to_string(limits.time.count()) + " ms");
    }
    pollfd wanted{.fd = from, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::min<int64_t>(left, 1000)));
    if (ready <= 0) continue;  // a signal, or a look at the clock
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorCode::kIo, "reading from '" + name + "': " + std::strerror(errno));
    if (got == 0) return {};
    text.append(buffer, 0, static_cast<size_t>(got));
    if (text.size() > limits.bytes) {
      return fail(ErrorCode::kResourceLimit,
                  "'" + name + "' writes more than " + std::to_string(limits.bytes) + " bytes");
    }
  }
}

}  // namespace

std::optional<std::filesystem::path> find_program(const std::string& name) {
  const char* folders = std::getenv("PATH");
  std::string_view rest = folders == nullptr ? "" : folders;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(':'), rest.size());
    const std::filesystem::path file = std::filesystem::path(rest.substr(0, end)) / name;
    std::error_code ignored;
    // Of a folder that is not whole ("", "."), what is run would depend on where one stands.
    if (file.is_absolute() && std::filesystem::is_regular_file(file, ignored) &&
        ::access(file.c_str(), X_OK) == 0) {
      return file;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

Result<std::string> output_of(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                              const ChildLimits& limits) {
  Pipe pipe;
  if (!pipe.whole()) return fail(ErrorCode::kIo, std::string("no pipe: ") + std::strerror(errno));
  const auto id = start(program, arguments, pipe.writing());
  HW_RETURN_IF_ERROR(id);
  Child child(*id);
  pipe.close_writing();
  std::string text;
  HW_RETURN_IF_ERROR(read_all(pipe.reading(), program.string(), limits, text));
  const int status = child.wait();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
  return fail(ErrorCode::kIo,
              "'" + program.string() + "' ended with status " +
                  std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
}

}  // namespace headwise
