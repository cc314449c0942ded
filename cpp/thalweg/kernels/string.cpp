// String ops. Strings are bytes; UTF-8 is decoded only where a unit or an encoding asks for it.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/files.h"
#include "thalweg/kernels/string.h"
#include "thalweg/kernels/summary_text.h"

namespace thalweg::kernels {

char32_t changed_case(char32_t c, bool upper) {
  auto within = [&](char32_t first, char32_t last) { return first <= c && c <= last; };
  if (upper) {
    if (within('a', 'z') || (within(0xe0, 0xfe) && c != 0xf7) || (within(0x3b1, 0x3c9) && c != 0x3c2) ||
        within(0x430, 0x44f))
      return c - 32;
    if (within(0x450, 0x45f)) return c - 80;
    if (within(0x100, 0x12f) || within(0x14a, 0x177)) return c & ~char32_t(1);
    if (within(0x139, 0x148) || within(0x179, 0x17e)) return (c - 1) | 1;
    return c == 0xff ? 0x178 : c == 0x3c2 ? 0x3a3 : c;
  }
  if (within('A', 'Z') || (within(0xc0, 0xde) && c != 0xd7) || (within(0x391, 0x3a9) && c != 0x3a2) ||
      within(0x410, 0x42f))
    return c + 32;
  if (within(0x400, 0x40f)) return c + 80;
  if (within(0x100, 0x12f) || within(0x14a, 0x177)) return c | 1;
  if (within(0x139, 0x148) || within(0x179, 0x17e)) return c + (c & 1);
  return c == 0x178 ? 0xff : c;
}

namespace {

using std::string;
using std::string_view;

constexpr string_view kSpace = " \t\n\v\f\r";

string_view stripped(string_view s) {
  size_t first = s.find_first_not_of(kSpace);
  return first == s.npos ? string_view() : s.substr(first, s.find_last_not_of(kSpace) - first + 1);
}

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

int64_t characters(string_view s) {
  return std::count_if(s.begin(), s.end(), [](char c) { return !continues(c); });
}

struct StringJoin {
  string separator;
  explicit StringJoin(const KernelInit& init) : separator(init.attr<string>("separator")) {}
  void operator()(KernelContext& k) const {
    Tensor& out = k.out(0);
    for (int i = 0; i < k.inputs(); ++i) {
      TW_CHECK(k.in(i).rank() == 0 || k.in(i).shape() == out.shape(), "Input shapes do not match: ", out.shape(),
               " vs. ", k.in(i).shape());
    }
    for (int64_t e = 0; e < out.size(); ++e) {
      string text;
      for (int i = 0; i < k.inputs(); ++i) {
        if (i) text += separator;
        text += k.in<string>(i)[k.in(i).rank() == 0 ? 0 : e];
      }
      out.ptr<string>()[e] = std::move(text);
    }
  }
};

/// How a number is printed: the attributes of AsString as a printf format without its conversion.
struct Format {
  string flags;
  int64_t precision;
  bool scientific, shortest;

  explicit Format(const KernelInit& init)
      : precision(init.attr<int64_t>("precision")),
        scientific(init.attr<bool>("scientific")),
        shortest(init.attr<bool>("shortest")) {
    DType t = init.attr<DType>("T");
    int64_t width = init.attr<int64_t>("width");
    const string& fill = init.attr<string>("fill");
    bool fractional = kInexact.has(t), text = t == DType::string;
    TW_CHECK(!scientific || !shortest, "Cannot select both scientific and shortest notation");
    TW_CHECK(fill.size() <= 1, "Fill string must be one or fewer characters");
    TW_CHECK(fractional || text || (!scientific && !shortest),
             "scientific and shortest format not supported for datatype ", t);
    TW_CHECK(fractional || text || precision < 0, "precision not supported for datatype ", t);
    TW_CHECK(width < 1024 && precision < 1024, "AsString: width and precision must be below 1024");
    flags = "%";
    if (width > -1) {
      TW_CHECK(fill.empty() || string_view("0 +-").find(fill[0]) != string_view::npos,
               "Fill argument not supported: \"", fill, "\"");
      flags += fill + std::to_string(width);
    }
  }

  template <class T>
  string operator()(const T& v) const {
    if constexpr (std::same_as<T, string>) {
      return print(flags + "s", v.c_str());
    } else if constexpr (std::same_as<T, bool>) {
      return v ? "true" : "false";
    } else if constexpr (is_complex<T>) {
      return str("(", real(v.real()), ",", real(v.imag()), ")");
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
      return print(flags + "lld", static_cast<long long>(v));
    } else if constexpr (std::is_integral_v<T>) {
      return print(flags + "llu", static_cast<unsigned long long>(v));
    } else {
      return real(Compute<T>(v));
    }
  }

 private:
  string real(double v) const {
    string f = flags;
    if (precision > -1) f += str(".", precision);
    return print(f + (shortest ? "g" : scientific ? "e" : "f"), v);
  }
  static string print(const string& format, auto v) {
    int n = std::snprintf(nullptr, 0, format.c_str(), v);
    TW_ASSERT(n >= 0);
    string out(size_t(n), '\0');
    std::snprintf(out.data(), out.size() + 1, format.c_str(), v);
    return out;
  }
};

template <class T>
struct AsString {
  Format format;
  explicit AsString(const KernelInit& init) : format(init) {}
  void operator()(KernelContext& k) const {
    std::transform(k.in<T>(0), k.in<T>(0) + k.in(0).size(), k.out<string>(0), format);
  }
};

template <class T>
struct StringToNumber {
  void operator()(KernelContext& k) const {
    for (int64_t i = 0; i < k.in(0).size(); ++i) {
      const string& text = k.in<string>(0)[i];
      string_view s = stripped(text);
      if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
      T v{};
      auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), v);
      if constexpr (std::is_floating_point_v<T>) {
        if (error == std::errc::result_out_of_range && end == s.data() + s.size()) {
          v = T(std::strtod(string(s).c_str(), nullptr));  // too large or too small: infinity or zero
          error = {};
        }
      }
      TW_CHECK(error == std::errc() && end == s.data() + s.size() && !s.empty(),
               "StringToNumberOp could not correctly convert string: ", text);
      k.out<T>(0)[i] = v;
    }
  }
};

struct StringStrip {
  void operator()(KernelContext& k) const {
    for (int64_t i = 0; i < k.in(0).size(); ++i) k.out<string>(0)[i] = stripped(k.in<string>(0)[i]);
  }
};

string change_case(const string& s, bool upper, bool utf8) {
  string out = s;
  for (size_t i = 0; i < s.size(); ++i) {
    auto c = static_cast<unsigned char>(s[i]);
    if (c < 0x80) {
      out[i] = char(changed_case(c, upper));
    } else if (utf8 && (c & 0xe0) == 0xc0 && i + 1 < s.size() && continues(s[i + 1])) {
      // Both cases of these blocks take two bytes.
      char32_t to = changed_case(char32_t(c & 0x1f) << 6 | (static_cast<unsigned char>(s[i + 1]) & 0x3f), upper);
      out[i] = char(0xc0 | to >> 6);
      out[i + 1] = char(0x80 | (to & 0x3f));
      ++i;
    }
  }
  return out;
}

template <bool upper>
struct ChangeCase {
  bool utf8;
  explicit ChangeCase(const KernelInit& init) : utf8(init.attr<string>("encoding") == "utf-8") {
    const string& encoding = init.attr<string>("encoding");
    TW_CHECK(utf8 || encoding.empty(), "only utf-8 or '' (no encoding) is supported, received ", encoding);
  }
  void operator()(KernelContext& k) const {
    for (int64_t i = 0; i < k.in(0).size(); ++i) k.out<string>(0)[i] = change_case(k.in<string>(0)[i], upper, utf8);
  }
};

struct StringLength {
  bool utf8;
  explicit StringLength(const KernelInit& init) : utf8(init.attr<string>("unit") == "UTF8_CHAR") {}
  void operator()(KernelContext& k) const {
    for (int64_t i = 0; i < k.in(0).size(); ++i) {
      const string& s = k.in<string>(0)[i];
      k.out<int32_t>(0)[i] = int32_t(utf8 ? characters(s) : int64_t(s.size()));
    }
  }
};

/// The byte at which character n starts; the end of the string for n = its length.
size_t byte_of(string_view s, int64_t n) {
  size_t i = 0;
  while (i < s.size()) {
    if (!continues(s[i]) && n-- == 0) break;
    ++i;
  }
  return i;
}

template <class T>
struct Substr {
  bool utf8;
  explicit Substr(const KernelInit& init) : utf8(init.attr<string>("unit") == "UTF8_CHAR") {}

  void operator()(KernelContext& k) const {
    TW_CHECK(k.in(1).shape() == k.in(2).shape(), "pos and len should have the same shape, got: ", k.in(1).shape(),
             " vs. ", k.in(2).shape());
    Tensor& out = k.out(0);
    auto strings = at_broadcast(k.in(0).shape(), out.shape()), places = at_broadcast(k.in(1).shape(), out.shape());
    for (int64_t e = 0; e < out.size(); ++e) {
      int64_t p = places[size_t(e)];
      out.ptr<string>()[e] = part(k.in<string>(0)[strings[size_t(e)]], k.in<T>(1)[p], k.in<T>(2)[p], e);
    }
  }

  /// TensorFlow's rule: a negative length reaches to the end when bytes are counted, and is 0 for characters.
  string part(const string& s, int64_t pos, int64_t len, int64_t e) const {
    int64_t size = utf8 ? characters(s) : int64_t(s.size());
    TW_CHECK(pos >= -size && pos <= size, "pos ", pos, " out of range for string at index ", e);
    int64_t first = pos < 0 ? pos + size : pos,
            last = first + (len < 0 ? (utf8 ? 0 : size - first) : std::min(len, size - first));
    if (!utf8) return s.substr(size_t(first), size_t(last - first));
    size_t from = byte_of(s, first);
    return s.substr(from, byte_of(s, last) - from);
  }

  /// For each element of `to`, the flat index of the element of `from` that stands there.
  static std::vector<int64_t> at_broadcast(const Shape& from, const Shape& to) {
    std::vector<int64_t> out(static_cast<size_t>(to.size()));
    for (int64_t e = 0; e < to.size(); ++e) {
      int64_t rest = e, index = 0, stride = 1;
      for (int axis = 1; axis <= to.rank(); ++axis) {
        int64_t i = rest % to[-axis];
        rest /= to[-axis];
        if (axis > from.rank()) continue;
        if (from[-axis] > 1) index += i * stride;
        stride *= from[-axis];
      }
      out[size_t(e)] = index;
    }
    return out;
  }
};

struct ReduceJoin {
  string separator;
  explicit ReduceJoin(const KernelInit& init) : separator(init.attr<string>("separator")) {}

  void operator()(KernelContext& k) const {
    const Shape& shape = k.in(0).shape();
    std::vector<int> axes;
    for (int32_t a : k.in(1).flat<int32_t>()) {
      int axis = a < 0 ? a + shape.rank() : a;
      TW_CHECK(axis >= 0 && axis < shape.rank(), "Invalid reduction dimension ", a, " for input with ", shape.rank(),
               " dimension(s)");
      TW_CHECK(std::find(axes.begin(), axes.end(), axis) == axes.end(), "Duplicate reduction dimension ", a);
      axes.push_back(axis);
    }
    std::array<int64_t, kMaxRank> stride{};
    for (int i = 0; i < shape.rank(); ++i) stride[size_t(i)] = shape.size(i + 1, shape.rank());
    std::vector<int> kept;
    for (int i = 0; i < shape.rank(); ++i) {
      if (std::find(axes.begin(), axes.end(), i) == axes.end()) kept.push_back(i);
    }
    // The first axis runs fastest: of those that are joined, the first one given.
    auto offset = [&](const std::vector<int>& over, int64_t n) {
      int64_t o = 0;
      for (int axis : over) {
        o += n % shape[axis] * stride[size_t(axis)];
        n /= shape[axis];
      }
      return o;
    };
    std::reverse(kept.begin(), kept.end());
    int64_t joined = 1;
    for (int a : axes) joined *= shape[a];
    for (int64_t e = 0; e < k.out(0).size(); ++e) {
      int64_t start = offset(kept, e);
      string text;
      for (int64_t j = 0; j < joined; ++j) {
        if (j) text += separator;
        text += k.in<string>(0)[start + offset(axes, j)];
      }
      k.out<string>(0)[e] = std::move(text);
    }
  }
};

/// Rows of pieces as a sparse matrix: indices, values, shape.
void put_pieces(KernelContext& k, const std::vector<std::vector<string_view>>& rows) {
  size_t count = 0, widest = 0;
  for (const auto& row : rows) {
    count += row.size();
    widest = std::max(widest, row.size());
  }
  int64_t* index = k.out(0, Shape{int64_t(count), 2}).ptr<int64_t>();
  string* value = k.out(1, Shape{int64_t(count)}).ptr<string>();
  int64_t* shape = k.out(2, Shape{2}).ptr<int64_t>();
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < rows[r].size(); ++c) {
      *index++ = int64_t(r);
      *index++ = int64_t(c);
      *value++ = rows[r][c];
    }
  }
  shape[0] = int64_t(rows.size());
  shape[1] = int64_t(widest);
}

struct StringSplit {
  bool skip_empty;
  explicit StringSplit(const KernelInit& init) : skip_empty(init.attr<bool>("skip_empty")) {}

  void operator()(KernelContext& k) const {
    const string& delimiters = k.in<string>(1)[0];
    std::vector<std::vector<string_view>> rows;
    for (string_view s : k.in(0).flat<string>()) rows.push_back(pieces(s, delimiters));
    put_pieces(k, rows);
  }

  std::vector<string_view> pieces(string_view s, const string& delimiters) const {
    std::vector<string_view> out;
    if (delimiters.empty()) {
      for (size_t i = 0; i < s.size(); ++i) out.push_back(s.substr(i, 1));
      return out;
    }
    if (s.empty()) return out;
    for (size_t start = 0; start <= s.size();) {
      size_t end = std::min(s.find_first_of(delimiters, start), s.size());
      if (end > start || !skip_empty) out.push_back(s.substr(start, end - start));
      start = end + 1;
    }
    return out;
  }
};

struct StringSplitV2 {
  int64_t maxsplit;
  explicit StringSplitV2(const KernelInit& init) : maxsplit(init.attr<int64_t>("maxsplit")) {}

  void operator()(KernelContext& k) const {
    const string& separator = k.in<string>(1)[0];
    std::vector<std::vector<string_view>> rows;
    for (string_view s : k.in(0).flat<string>()) rows.push_back(separator.empty() ? words(s) : pieces(s, separator));
    put_pieces(k, rows);
  }

  bool may_split(const std::vector<string_view>& out) const { return maxsplit < 0 || int64_t(out.size()) < maxsplit; }

  std::vector<string_view> words(string_view s) const {
    if (maxsplit == 0) return {s};
    std::vector<string_view> out;
    auto skip_space = [&] { s.remove_prefix(std::min(s.find_first_not_of(kSpace), s.size())); };
    skip_space();
    while (!s.empty() && may_split(out)) {
      size_t end = std::min(s.find_first_of(kSpace), s.size());
      out.push_back(s.substr(0, end));
      s.remove_prefix(end);
      skip_space();
    }
    // TensorFlow's rule: after the last split comes a rest, even an empty one.
    if (!may_split(out)) out.push_back(s);
    return out;
  }
  std::vector<string_view> pieces(string_view s, const string& separator) const {
    std::vector<string_view> out;
    for (size_t at; may_split(out) && (at = s.find(separator)) != s.npos;) {
      out.push_back(s.substr(0, at));
      s.remove_prefix(at + separator.size());
    }
    out.push_back(s);
    return out;
  }
};

struct StringFormat {
  std::vector<string> texts;  // between the placeholders
  string placeholder;
  int64_t summarize;

  explicit StringFormat(const KernelInit& init)
      : placeholder(init.attr<string>("placeholder")), summarize(init.attr<int64_t>("summarize")) {
    TW_CHECK(!placeholder.empty(), "StringFormat: the placeholder is empty");
    string_view rest = init.attr<string>("template");
    for (size_t at; (at = rest.find(placeholder)) != rest.npos; rest.remove_prefix(at + placeholder.size())) {
      texts.emplace_back(rest.substr(0, at));
    }
    texts.emplace_back(rest);
    size_t inputs = init.input_dtypes.size();
    TW_CHECK(texts.size() == inputs + 1, "num placeholders in template and num inputs must match: ", texts.size() - 1,
             " vs. ", inputs);
  }
  void operator()(KernelContext& k) const {
    string out = texts[0];
    for (int i = 0; i < k.inputs(); ++i) out += layout_text(k.in(i), summarize) + texts[size_t(i) + 1];
    k.out<string>(0)[0] = std::move(out);
  }
};

}  // namespace

void register_string(KernelRegistry& r) {
  r.add<StringJoin>("StringJoin", kCpu);
  r.add_all<AsString, kReal | kComplex | kBool | kString>("AsString", kCpu);
  r.add<StringToNumber, float, double, int32_t, int64_t, uint32_t, uint64_t>("StringToNumber", kCpu, "out_type");
  r.add<StringStrip>("StringStrip", kCpu);
  r.add<ChangeCase<false>>("StringLower", kCpu);
  r.add<ChangeCase<true>>("StringUpper", kCpu);
  r.add<StringLength>("StringLength", kCpu);
  r.add<Substr, int32_t, int64_t>("Substr", kCpu);
  r.add<ReduceJoin>("ReduceJoin", kCpu);
  r.add<StringSplit>("StringSplit", kCpu);
  r.add<StringSplitV2>("StringSplitV2", kCpu);
  r.add<StringFormat>("StringFormat", kCpu);
  register_string_regex(r);
  register_files(r);
}

}  // namespace thalweg::kernels
