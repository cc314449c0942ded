// Text of tensors: one line for Print and Assert, laid out in rows for StringFormat.
#include "thalweg/kernels/summary_text.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace thalweg::kernels {
namespace {

std::string printed(const char* format, double x, int digits) {
  char text[40];
  int n = std::snprintf(text, sizeof text, format, digits, x);
  return std::string(text, size_t(n));
}

/// Quotes, backslashes and control characters as in C; UTF-8 stays as it is.
std::string escaped(const std::string& s) {
  std::string out;
  for (char c : s) {
    auto u = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '"' || c == '\'' || c == '\\')
      (out += '\\') += c;
    else if (u < 0x20 || u == 0x7f) {
      char octal[8];
      std::snprintf(octal, sizeof octal, "\\%03o", u);
      out += octal;
    } else {
      out += c;
    }
  }
  return out;
}

template <class T>
std::string element_text(const T& v, bool quoted) {
  if constexpr (std::same_as<T, std::string>) {
    return quoted ? str("\"", escaped(v), "\"") : escaped(v);
  } else if constexpr (std::same_as<T, double>) {
    return number_text(v);
  } else if constexpr (std::same_as<Compute<T>, float>) {
    return number_text(float(v));
  } else if constexpr (is_complex<T>) {
    return str("(", number_text(v.real()), ",", number_text(v.imag()), ")");
  } else if constexpr (std::is_signed_v<T>) {
    return std::to_string(int64_t(v));
  } else {
    return std::to_string(uint64_t(v));
  }
}

template <class T>
struct Summary {
  const T* x;
  const Shape& shape;
  int64_t limit, next = 0;
  std::string out = {};

  void axis(int a) {
    for (int64_t i = 0; i < shape[a]; ++i) {
      if (a < shape.rank() - 1) {
        if (next >= limit) return;
        out += "[";
        axis(a + 1);
        out += "]";
        continue;
      }
      if (next >= limit) {
        if (a > 0) out += "...";
        return;
      }
      if (i) out += " ";
      out += element_text(x[next++], false);
    }
  }
  std::string text() {
    if (shape.size() == 0) return "";
    if (shape.rank() == 0) return element_text(x[0], false);
    axis(0);
    if (next < shape.size()) out += "...";
    return out;
  }
};

template <class T>
struct Layout {
  const T* x;
  const Shape& shape;
  int64_t edge;
  std::string out = {};

  void axis(int a, int64_t offset) {
    int64_t n = shape[a], stride = shape.size(a + 1, shape.rank());
    bool rows = a < shape.rank() - 1, all = edge < 0 || n <= 2 * edge;
    std::string gap = rows ? std::string(size_t(shape.rank() - 1 - a), '\n') + std::string(size_t(a) + 1, ' ') : " ";
    out += "[";
    for (int64_t i = 0; i < n; ++i) {
      if (!all && i == edge) {
        out += gap + "...";
        i = n - edge;
        if (i >= n) break;
      }
      if (i) out += gap;
      if (rows)
        axis(a + 1, offset + i * stride);
      else
        out += element_text(x[offset + i], true);
    }
    out += "]";
  }
  std::string text() {
    if (shape.rank() == 0) return element_text(x[0], true);
    if (shape.size() == 0) return "[]";
    axis(0, 0);
    return out;
  }
};

}  // namespace

std::string number_text(double x) {
  if (std::isnan(x)) return "nan";
  std::string s = printed("%.*g", x, 15);
  return std::isinf(x) || std::strtod(s.c_str(), nullptr) == x ? s : printed("%.*g", x, 17);
}

std::string number_text(float x) {
  if (std::isnan(x)) return "nan";
  std::string s = printed("%.*g", x, 6);
  return std::isinf(x) || std::strtof(s.c_str(), nullptr) == x ? s : printed("%.*g", x, 9);
}

std::string summary_text(const Tensor& t, int64_t limit) {
  std::string out;
  visit<kNumeric | kBool | kString>(
      t.dtype(), [&]<class T>() { out = Summary<T>{t.ptr<T>(), t.shape(), limit < 0 ? t.size() : limit}.text(); });
  return out;
}

std::string layout_text(const Tensor& t, int64_t edge) {
  std::string out;
  visit<kNumeric | kBool | kString>(t.dtype(), [&]<class T>() { out = Layout<T>{t.ptr<T>(), t.shape(), edge}.text(); });
  return out;
}

}  // namespace thalweg::kernels
