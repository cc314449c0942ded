// The smallest test harness that serves: TEST(name) { CHECK(...); }, run by main() in check.cpp.
#pragma once

#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "thalweg/core/error.h"

namespace check {

struct Case {
  const char* name;
  void (*run)();
};
inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
inline int& failures() {
  static int n = 0;
  return n;
}
inline void report(const char* file, int line, const std::string& what) {
  std::cerr << file << ":" << line << ": " << what << "\n";
  ++failures();
}
/// The code and message of the Error that f throws; "" if it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const thalweg::Error& e) {
    return thalweg::str(int(e.code()), " ", e.message());
  }
  return "";
}

}  // namespace check

#define TEST(name)                                                                  \
  static void name();                                                               \
  static const bool name##_added = (check::cases().push_back({#name, name}), true); \
  static void name()
#define CHECK(cond) \
  if (!(cond)) check::report(__FILE__, __LINE__, #cond)
#define CHECK_EQ(a, b) \
  if (auto x_ = (a); !(x_ == (b))) check::report(__FILE__, __LINE__, thalweg::str(#a " is ", x_, ", expected ", (b)))
/// The error's text contains `part`.
#define CHECK_THROWS(expr, part)                                                         \
  if (std::string e_ = check::error_of([&] { (void)(expr); }); e_.find(part) == e_.npos) \
  check::report(__FILE__, __LINE__, thalweg::str(#expr " threw '", e_, "', expected '", part, "'"))
