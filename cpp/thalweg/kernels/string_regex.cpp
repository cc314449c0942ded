// Kernels that match strings with patterns.
#include <mutex>

#include "thalweg/kernels/families.h"
#include "thalweg/kernels/regex.h"
#include "thalweg/kernels/string.h"

namespace thalweg::kernels {
namespace {

using std::string;
using std::string_view;

/// What a match is replaced by: text, and groups by number.
struct Rewrite {
  struct Part {
    string text;
    int group;  // -1: the text
  };
  std::vector<Part> parts;
  int most = 0;

  Rewrite(string_view pattern, const Regex& regex) {
    auto fail = [&](const auto&... what) {
      TW_FAIL(InvalidArgument, "Invalid rewrite pattern: ", pattern, ", error: ", what...);
    };
    string text;
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '\\') {
        text += pattern[i];
        continue;
      }
      if (++i == pattern.size()) fail("\\ at its end");
      char c = pattern[i];
      if (c == '\\') {
        text += c;
      } else if (c >= '0' && c <= '9') {
        parts.push_back({text, -1});
        text.clear();
        parts.push_back({"", c - '0'});
        most = std::max(most, c - '0');
      } else {
        fail("a \\ must be followed by a digit or \\, not by ", c);
      }
    }
    parts.push_back({text, -1});
    if (most > regex.groups()) fail("it refers to group ", most, " of ", regex.groups());
  }

  void write(string_view text, const std::vector<size_t>& groups, string& out) const {
    for (const Part& p : parts) {
      if (p.group < 0) {
        out += p.text;
      } else if (size_t begin = groups[size_t(2 * p.group)]; begin != Regex::kNowhere) {
        out += text.substr(begin, groups[size_t(2 * p.group) + 1] - begin);
      }
    }
  }
};

/// `text` with the first match, or all, replaced. An empty match next to the one before does not count.
string replaced(string_view text, const Regex& regex, const Rewrite& rewrite, bool global) {
  std::vector<size_t> groups(size_t(2 * rewrite.most + 2));
  string out;
  size_t at = 0, last = Regex::kNowhere;
  while (at <= text.size() && regex.search(text, at, groups)) {
    size_t begin = groups[0], end = groups[1];
    out += text.substr(at, begin - at);
    at = begin;
    if (begin == end && begin == last) {
      if (at >= text.size()) break;
      size_t length = utf8_at(text, at).second;
      out += text.substr(at, length);
      at += length;
      continue;
    }
    rewrite.write(text, groups, out);
    at = last = end;
    if (!global) break;
  }
  return at < text.size() ? out.append(text.substr(at)) : out;
}

void replace(KernelContext& k, const Regex& regex, const Rewrite& rewrite, bool global) {
  const string* in = k.in<string>(0);
  string* out = k.out<string>(0);
  k.parallel_for(k.in(0).size(), 2000, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = replaced(in[i], regex, rewrite, global);
  });
}

void match(KernelContext& k, const Regex& regex) {
  const string* in = k.in<string>(0);
  bool* out = k.out<bool>(0);
  k.parallel_for(k.in(0).size(), 1000, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = regex.matches_all(in[i]);
  });
}

/// The program of a pattern that arrives with each run; kept while it stays the same.
class LastRegex {
 public:
  std::shared_ptr<const Regex> of(const Tensor& pattern) {
    TW_CHECK(pattern.rank() == 0, "Pattern must be scalar, but received ", pattern.shape());
    const string& text = *pattern.ptr<string>();
    std::lock_guard lock(mutex_);
    if (!regex_ || text != text_) {
      regex_ = std::make_shared<const Regex>(text);
      text_ = text;
    }
    return regex_;
  }

 private:
  std::mutex mutex_;
  string text_;
  std::shared_ptr<const Regex> regex_;
};

struct RegexReplace {
  bool global;
  LastRegex last;
  explicit RegexReplace(const KernelInit& init) : global(init.attr<bool>("replace_global")) {}
  void operator()(KernelContext& k) {
    auto regex = last.of(k.in(1));
    TW_CHECK(k.in(2).rank() == 0, "Rewrite must be scalar, but received ", k.in(2).shape());
    replace(k, *regex, Rewrite(*k.in<string>(2), *regex), global);
  }
};

struct StaticRegexReplace {
  bool global;
  Regex regex;
  Rewrite rewrite;
  explicit StaticRegexReplace(const KernelInit& init)
      : global(init.attr<bool>("replace_global")),
        regex(init.attr<string>("pattern")),
        rewrite(init.attr<string>("rewrite"), regex) {}
  void operator()(KernelContext& k) const { replace(k, regex, rewrite, global); }
};

struct RegexFullMatch {
  LastRegex last;
  void operator()(KernelContext& k) { match(k, *last.of(k.in(1))); }
};

struct StaticRegexFullMatch {
  Regex regex;
  explicit StaticRegexFullMatch(const KernelInit& init) : regex(init.attr<string>("pattern")) {}
  void operator()(KernelContext& k) const { match(k, regex); }
};

}  // namespace

void register_string_regex(KernelRegistry& r) {
  r.add<RegexReplace>("RegexReplace", kCpu);
  r.add<StaticRegexReplace>("StaticRegexReplace", kCpu);
  r.add<RegexFullMatch>("RegexFullMatch", kCpu);
  r.add<StaticRegexFullMatch>("StaticRegexFullMatch", kCpu);
}

}  // namespace thalweg::kernels
