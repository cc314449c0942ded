// What the benchmark executables share: a timer that repeats and takes medians, and a table or JSON of the results.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "thalweg/thalweg.h"

namespace thalweg::bench {

inline double now() {
  using namespace std::chrono;  // NOLINT(google-build-using-namespace)
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

/// Median seconds of one call, over batches long enough to time.
template <class F>
double median_seconds(F&& f, double budget = 0.5) {
  for (int i = 0; i < 3; ++i) f();
  double start = now();
  f();
  int inner = std::max(1, int(0.005 / std::max(now() - start, 1e-9)));
  std::vector<double> samples;
  for (double begin = now(); now() - begin < budget || samples.size() < 5;) {
    start = now();
    for (int i = 0; i < inner; ++i) f();
    samples.push_back((now() - start) / inner);
  }
  std::ranges::nth_element(samples, samples.begin() + long(samples.size() / 2));
  return samples[samples.size() / 2];
}

/// Collects rows and prints them at the end: text, or one JSON array with --json. --calls N calls each row N times and
/// measures nothing, for those who count instructions. Other arguments name the rows to run.
class Report {
 public:
  Report(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      if (std::strcmp(argv[i], "--json") == 0) {
        json_ = true;
      } else if (std::strcmp(argv[i], "--calls") == 0 && i + 1 < argc) {
        calls_ = std::atoi(argv[++i]);
      } else {
        only_.emplace_back(argv[i]);
      }
    }
  }
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  /// `flops`: of one call, 0 if it makes no sense to ask.
  template <class F>
  void row(const std::string& name, double flops, F&& f) {
    bool wanted =
        only_.empty() || std::ranges::any_of(only_, [&](const std::string& o) { return name.find(o) != name.npos; });
    if (!wanted) return;
    if (calls_ > 0) {
      for (int i = 0; i < calls_; ++i) f();
    } else {
      rows_.push_back({name, median_seconds(f), flops});
    }
  }

  ~Report() {
    if (calls_ > 0) return;
    if (json_) std::printf("[");
    for (size_t i = 0; i < rows_.size(); ++i) {
      const Row& r = rows_[i];
      double gflops = r.flops / r.seconds * 1e-9;
      if (json_) {
        std::printf("%s\n  {\"name\": \"%s\", \"microseconds\": %.3f, \"gflops\": %.2f}", i ? "," : "", r.name.c_str(),
                    r.seconds * 1e6, gflops);
      } else if (r.flops > 0) {
        std::printf("%-36s %12.2f us %9.1f GFLOP/s\n", r.name.c_str(), r.seconds * 1e6, gflops);
      } else {
        std::printf("%-36s %12.2f us\n", r.name.c_str(), r.seconds * 1e6);
      }
    }
    if (json_) std::printf("\n]\n");
  }

 private:
  struct Row {
    std::string name;
    double seconds, flops;
  };
  bool json_ = false;
  int calls_ = 0;
  std::vector<std::string> only_;
  std::vector<Row> rows_;
};

/// Ops and kernels, registered once.
inline const Library& library() {
  static const Library* l = [] {
    auto* made = new Library();
    register_ops(made->ops);
    register_kernels(made->kernels);
    return made;
  }();
  return *l;
}

inline Out placeholder(PartialShape shape, DType dtype = DType::float32) {
  std::vector<Out> none;
  return node("Placeholder", std::span<const Out>(none), {{"dtype", dtype}, {"shape", shape}});
}

/// Uniform in [0, 1), the same at every call.
inline Tensor noise(const Shape& shape) {
  Tensor t(DType::float32, shape);
  uint32_t state = 1;
  for (float& v : t.flat<float>()) {
    state = state * 1664525u + 1013904223u;
    v = float(state >> 8) / float(1 << 24);
  }
  return t;
}

}  // namespace thalweg::bench
