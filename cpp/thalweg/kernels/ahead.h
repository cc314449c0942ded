// Memory that is needed soon, fetched a line beside each step of the loops that run until then. The hardware looks
// ahead within a stream, not to where the next one starts.
#pragma once

#include <algorithm>
#include <cstdint>

namespace thalweg::kernels {

template <class T>
class Ahead {
 public:
  Ahead() = default;
  Ahead(const T* p, int64_t count) : at_(p), lines_((count + kLine - 1) / kLine) {}

  bool empty() const { return lines_ == 0; }

  /// What `steps` steps fetch: a line each from `data` on, `step` elements apart; always the same where nothing is
  /// left.
  struct Share {
    const T* data;
    int64_t step;
  };
  Share take(int64_t steps) {
    const Share share{at_, lines_ > 0 ? kLine : 0};
    const int64_t n = std::min(steps, lines_);
    at_ += n * kLine;
    lines_ -= n;
    return share;
  }

 private:
  static constexpr int64_t kLine = 64 / sizeof(T);
  const T* at_ = nullptr;
  int64_t lines_ = 0;
};

}  // namespace thalweg::kernels
