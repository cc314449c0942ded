// The one exception type, and the three macros that throw it. Borders (Python, plugin ABI) translate it to codes.
#pragma once

#include <exception>
#include <sstream>
#include <string>
#include <string_view>

#define THALWEG_API __attribute__((visibility("default")))

namespace thalweg {

/// TensorFlow's (and gRPC's) canonical codes.
enum class Code : int {
  Ok = 0,
  Cancelled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  TypeError = 100,  // a wrong dtype or Python type while a graph is built
};

/// Concatenates anything that streams.
template <class... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

class THALWEG_API Error : public std::exception {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  Code code() const { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const { return message_; }

  /// The name of the graph node at fault, empty if none.
  const std::string& node() const { return node_; }
  void set_node(std::string name) {
    if (node_.empty()) node_ = std::move(name);
  }
  /// Appends a line of context.
  void note(std::string_view line) { (message_ += "\n\t ") += line; }

 private:
  Code code_;
  std::string message_, node_;
};

[[noreturn]] THALWEG_API void fail(Code code, std::string message);
[[noreturn]] THALWEG_API void internal_error(const char* file, int line, const char* what);

}  // namespace thalweg

/// The user broke a rule: InvalidArgument.
#define TW_CHECK(cond, ...)                                                           \
  do {                                                                                \
    if (!(cond)) [[unlikely]]                                                         \
      ::thalweg::fail(::thalweg::Code::InvalidArgument, ::thalweg::str(__VA_ARGS__)); \
  } while (false)
/// Throws with the code given: TW_FAIL(NotFound, "no such op: ", name).
#define TW_FAIL(code, ...) ::thalweg::fail(::thalweg::Code::code, ::thalweg::str(__VA_ARGS__))
/// We broke an invariant: Internal, with file and line.
#define TW_ASSERT(cond)                                     \
  do {                                                      \
    if (!(cond)) [[unlikely]]                               \
      ::thalweg::internal_error(__FILE__, __LINE__, #cond); \
  } while (false)
