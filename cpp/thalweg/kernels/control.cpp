// Placeholders that were not fed, identities of lists, and the ops that watch a program.
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>

#include "thalweg/kernels/copy.h"
#include "thalweg/kernels/families.h"
#include "thalweg/kernels/summary_text.h"

namespace thalweg::kernels {
namespace {

/// A placeholder's kernel runs only when nothing was fed.
struct Placeholder {
  std::string message;
  explicit Placeholder(const KernelInit& init) {
    message = str("You must feed a value for placeholder tensor '", init.node, "' with dtype ",
                  short_name_of(init.attr<DType>("dtype")));
    const PartialShape& shape = init.attr<PartialShape>("shape");
    if (shape.known_rank() && shape.rank() > 0) message += str(" and shape ", shape);
  }
  void operator()(KernelContext&) const { fail(Code::InvalidArgument, message); }
};

struct IdentityN {
  void operator()(KernelContext& k) const {
    for (int i = 0; i < k.inputs(); ++i) copy_elements(k, k.in(i), k.out(i));
  }
};

struct NoOp {
  void operator()(KernelContext&) const {}
};

struct Const {
  Tensor value;
  explicit Const(const KernelInit& init) : value(init.attr<Tensor>("value")) {}
  void operator()(KernelContext& k) const { copy_elements(k, value, k.out(0)); }
};

/// All of a line in one write: lines of several threads do not mix.
void write_line(std::FILE* to, const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), to);
  std::fflush(to);
}

struct Print {
  std::string message;
  int64_t first_n, summarize;
  std::shared_ptr<std::atomic<int64_t>> count = std::make_shared<std::atomic<int64_t>>(0);
  explicit Print(const KernelInit& init)
      : message(init.attr<std::string>("message")),
        first_n(init.attr<int64_t>("first_n")),
        summarize(init.attr<int64_t>("summarize")) {}

  void operator()(KernelContext& k) const {
    copy_elements(k, k.in(0), k.out(0));
    if (first_n >= 0 && count->fetch_add(1) >= first_n) return;
    std::string line = message;
    for (int i = 1; i < k.inputs(); ++i) line += str("[", summary_text(k.in(i), summarize), "]");
    write_line(stderr, line + "\n");
  }
};

struct PrintV2 {
  std::string stream, end;
  explicit PrintV2(const KernelInit& init)
      : stream(init.attr<std::string>("output_stream")), end(init.attr<std::string>("end")) {
    bool known = stream == "stdout" || stream == "stderr" || stream == "log(info)" || stream == "log(warning)" ||
                 stream == "log(error)" || stream.starts_with("file://");
    TW_CHECK(known, "Unknown output stream: ", stream,
             ": use stdout, stderr, log(info), log(warning), log(error) or file://path");
  }

  void operator()(KernelContext& k) const {
    const std::string& text = k.in<std::string>(0)[0];
    if (stream.starts_with("file://")) {
      std::ofstream file(stream.substr(7), std::ios::app | std::ios::binary);
      file << text << end;
      file.close();
      if (!file) TW_FAIL(Unavailable, "PrintV2: cannot write to ", stream.substr(7));
    } else if (stream.starts_with("log(")) {
      write_line(stderr, str(char(std::toupper(stream[4])), " ", text, "\n"));
    } else {
      write_line(stream == "stdout" ? stdout : stderr, text + end);
    }
  }
};

struct Assert {
  int64_t summarize;
  explicit Assert(const KernelInit& init) : summarize(init.attr<int64_t>("summarize")) {}

  void operator()(KernelContext& k) const {
    if (k.in<bool>(0)[0]) return;
    std::string message = "assertion failed:";
    for (int i = 1; i < k.inputs(); ++i) message += str(" [", summary_text(k.in(i), summarize), "]");
    fail(Code::InvalidArgument, message);
  }
};

/// Which of NaN, +inf and -inf occur.
struct Specials {
  bool nan = false, plus = false, minus = false;
  bool any() const { return nan || plus || minus; }
};

template <class T>
Specials find_specials(const T* x, int64_t n) {
  // x - x is 0 exactly for finite x: one cheap pass decides the normal case.
  Compute<T> dirt = 0;
  for (int64_t i = 0; i < n; ++i) {
    Compute<T> v(x[i]);
    dirt += v - v;
  }
  Specials s;
  if (dirt == 0) return s;
  for (int64_t i = 0; i < n; ++i) {
    Compute<T> v(x[i]);
    s.nan |= std::isnan(v);
    s.plus |= std::isinf(v) && v > 0;
    s.minus |= std::isinf(v) && v < 0;
  }
  return s;
}

template <class T, bool signs>
struct CheckNumericsOf {
  std::string message;
  explicit CheckNumericsOf(const KernelInit& init) : message(init.attr<std::string>("message")) {}

  void operator()(KernelContext& k) const {
    Specials s = find_specials(k.in<T>(0), k.in(0).size());
    TW_CHECK(!s.any(), message, " : Tensor had ", describe(s), " values");
    copy_elements(k, k.in(0), k.out(0));
  }

  static std::string describe(const Specials& s) {
    std::vector<std::string> have;
    if (signs) {
      if (s.minus) have.emplace_back("-Inf");
      if (s.plus) have.emplace_back("+Inf");
    } else if (s.plus || s.minus) {
      have.emplace_back("Inf");
    }
    if (s.nan) have.emplace_back("NaN");
    if (have.size() == 3) return have[0] + ", " + have[1] + ", and " + have[2];
    return have.size() == 2 ? have[0] + " and " + have[1] : have[0];
  }
};
template <class T>
using CheckNumerics = CheckNumericsOf<T, false>;
template <class T>
using CheckNumericsV2 = CheckNumericsOf<T, true>;

struct Timestamp {
  void operator()(KernelContext& k) const {
    auto now = std::chrono::system_clock::now().time_since_epoch();
    k.out<double>(0)[0] = std::chrono::duration<double>(now).count();
  }
};

}  // namespace

void register_control(KernelRegistry& r) {
  r.add<Const>("Const", kCpu);
  r.add<Placeholder>("Placeholder", kCpu);
  r.add<Placeholder>("PlaceholderV2", kCpu);
  r.add<IdentityN>("IdentityN", kCpu);
  r.add<NoOp>("NoOp", kCpu);
  r.add<Print>("Print", kCpu);
  r.add<PrintV2>("PrintV2", kCpu);
  r.add<Assert>("Assert", kCpu);
  r.add_all<CheckNumerics, kFloating>("CheckNumerics", kCpu);
  r.add_all<CheckNumericsV2, kFloating>("CheckNumericsV2", kCpu);
  r.add<Timestamp>("Timestamp", kCpu);
}

}  // namespace thalweg::kernels
