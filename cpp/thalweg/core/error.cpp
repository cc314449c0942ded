#include "thalweg/core/error.h"

namespace thalweg {

void fail(Code code, std::string message) { throw Error(code, std::move(message)); }

void internal_error(const char* file, int line, const char* what) {
  throw Error(Code::Internal, str("internal error, please report: ", what, " at ", file, ":", line));
}

}  // namespace thalweg
