// RE2's syntax.
#include "thalweg/kernels/regex_parse.h"

#include <algorithm>
#include <cctype>
#include <span>

#include "thalweg/core/error.h"
#include "thalweg/kernels/string.h"

namespace thalweg::kernels {
namespace {

using Node = RegexNode;
using Part = std::unique_ptr<Node>;
using Range = std::pair<uint32_t, uint32_t>;
using Ranges = std::vector<Range>;
constexpr uint32_t kLast = 0x10ffff;

/// In order, without overlaps.
Ranges tidy(Ranges r) {
  std::sort(r.begin(), r.end());
  Ranges out;
  for (auto [low, high] : r) {
    if (!out.empty() && low <= out.back().second + 1)
      out.back().second = std::max(out.back().second, high);
    else
      out.emplace_back(low, high);
  }
  return out;
}

Ranges others(const Ranges& r) {
  Ranges out;
  uint32_t next = 0;
  for (auto [low, high] : tidy(r)) {
    if (low > next) out.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= kLast) out.emplace_back(next, kLast);
  return out;
}

Ranges without_case(const Ranges& r) {
  constexpr uint32_t kLastLetter = 0x45f;  // of those that have another case
  Ranges out = r;
  for (auto [low, high] : r) {
    for (uint32_t c = low; c <= std::min(high, kLastLetter); ++c) {
      for (bool upper : {false, true}) {
        uint32_t other = changed_case(c, upper);
        if (other != c) out.emplace_back(other, other);
      }
    }
  }
  return tidy(out);
}

constexpr Range kDigits[] = {{'0', '9'}}, kSpaces[] = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}},
                kWords[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
                kAlphanumeric[] = {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, kAlphabetic[] = {{'A', 'Z'}, {'a', 'z'}},
                kAscii[] = {{0, 0x7f}}, kBlank[] = {{'\t', '\t'}, {' ', ' '}}, kControl[] = {{0, 0x1f}, {0x7f, 0x7f}},
                kGraphic[] = {{'!', '~'}}, kLower[] = {{'a', 'z'}}, kPrinted[] = {{' ', '~'}},
                kPunctuation[] = {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}},
                kWhite[] = {{'\t', '\r'}, {' ', ' '}}, kUpper[] = {{'A', 'Z'}},
                kHexadecimal[] = {{'0', '9'}, {'A', 'F'}, {'a', 'f'}};

struct Named {
  std::string_view name;
  std::span<const Range> ranges;
};
constexpr Named kClasses[] = {{"alnum", kAlphanumeric}, {"alpha", kAlphabetic},  {"ascii", kAscii},   {"blank", kBlank},
                              {"cntrl", kControl},      {"digit", kDigits},      {"graph", kGraphic}, {"lower", kLower},
                              {"print", kPrinted},      {"punct", kPunctuation}, {"space", kWhite},   {"upper", kUpper},
                              {"word", kWords},         {"xdigit", kHexadecimal}};

/// Appends a class or all characters that are not in it.
void append(Ranges& r, std::span<const Range> more, bool inverse) {
  Ranges all(more.begin(), more.end());
  if (inverse) all = others(all);
  r.insert(r.end(), all.begin(), all.end());
}

struct Flags {
  bool no_case = false, lines = false, dot_all = false, swapped = false;
};

class Parser {
 public:
  explicit Parser(std::string_view pattern) : text_(pattern) {
    for (size_t at = 0; at < text_.size();) {
      auto [c, length] = utf8_at(text_, at);
      if (c > kLast) fail("invalid UTF-8", "");
      at += length;
    }
  }

  RegexTree parse() {
    Part root = choice(0);
    if (at_ < text_.size()) fail("unexpected )", text_);
    return {std::move(root), groups_};
  }

 private:
  static constexpr int kMostRepetitions = 1000, kDeepest = 200;

  [[noreturn]] void fail(std::string_view what, std::string_view where) const {
    TW_FAIL(InvalidArgument, "Invalid pattern: ", text_, ", error: ", what, where.empty() ? "" : ": ", where);
  }

  bool done() const { return at_ >= text_.size(); }
  bool sees(std::string_view s) const { return text_.substr(at_).starts_with(s); }
  bool take(std::string_view s) {
    if (!sees(s)) return false;
    at_ += s.size();
    return true;
  }
  uint32_t next() {
    auto [c, length] = utf8_at(text_, at_);
    at_ += length;
    return c;
  }

  static Part make(Node::Kind kind) {
    auto n = std::make_unique<Node>();
    n->kind = kind;
    return n;
  }
  Part characters(Ranges r) const {
    Part n = make(Node::Kind::characters);
    n->ranges = flags_.no_case ? without_case(r) : tidy(std::move(r));
    return n;
  }
  static Part assertion(RegexStep::Place place) {
    Part n = make(Node::Kind::assertion);
    n->place = place;
    return n;
  }

  /// Up to the end or a closing parenthesis. Flags that are set inside hold until then.
  Part choice(int depth) {
    if (depth > kDeepest) fail("expression nests too deeply", "");
    Flags outer = flags_;
    Part ways = make(Node::Kind::choice);
    ways->parts.push_back(sequence(depth));
    while (take("|")) ways->parts.push_back(sequence(depth));
    flags_ = outer;
    return ways->parts.size() == 1 ? std::move(ways->parts[0]) : std::move(ways);
  }

  Part sequence(int depth) {
    Part all = make(Node::Kind::sequence);
    while (!done() && !sees("|") && !sees(")")) {
      if (take("\\Q")) {
        while (!done() && !take("\\E")) {
          uint32_t c = next();
          all->parts.push_back(characters({{c, c}}));
        }
        continue;
      }
      if (is_repetition()) {
        size_t begin = at_;
        take_repetition();
        fail("no argument for repetition operator", text_.substr(begin, at_ - begin));
      }
      Part one = atom(depth);
      if (!one) continue;  // flags
      size_t begin = at_;
      if (is_repetition()) {
        one = repeated(std::move(one));
        if (is_repetition()) {
          take_repetition();
          fail("bad repetition operator", text_.substr(begin, at_ - begin));
        }
      }
      all->parts.push_back(std::move(one));
    }
    return all;
  }

  // --- repetitions

  struct Count {
    int low, high;
    size_t length;
  };
  /// {n}, {n,} or {n,m} at the present place; length 0: it is not one, and its characters stand for themselves.
  Count count() const {
    if (!sees("{")) return {0, 0, 0};
    size_t i = at_ + 1;
    auto number = [&]() -> int {
      size_t begin = i;
      int64_t n = 0;
      for (; i < text_.size() && text_[i] >= '0' && text_[i] <= '9'; ++i)
        n = std::min<int64_t>(n * 10 + text_[i] - '0', 100000);
      return i == begin ? -1 : int(n);
    };
    int low = number(), high = low;
    if (low < 0) return {0, 0, 0};
    if (i < text_.size() && text_[i] == ',') {
      ++i;
      high = number();
    }
    if (i >= text_.size() || text_[i] != '}') return {0, 0, 0};
    return {low, high, i + 1 - at_};
  }
  bool is_repetition() const { return sees("*") || sees("+") || sees("?") || count().length > 0; }
  Count take_repetition() {
    Count c = take("*") ? Count{0, -1, 1} : take("+") ? Count{1, -1, 1} : take("?") ? Count{0, 1, 1} : count();
    if (c.length > 1) {
      std::string_view written = text_.substr(at_, c.length);
      if (c.low > kMostRepetitions || c.high > kMostRepetitions || (c.high >= 0 && c.high < c.low))
        fail("invalid repetition size", written);
      at_ += c.length;
    }
    return c;
  }
  Part repeated(Part what) {
    Count c = take_repetition();
    Part n = make(Node::Kind::repeat);
    n->low = c.low;
    n->high = c.high;
    n->greedy = take("?") == flags_.swapped;
    n->parts.push_back(std::move(what));
    return n;
  }

  // --- one thing

  Part atom(int depth) {
    if (take("(")) return group(depth);
    if (sees("[")) return characters(bracket());
    if (take("^")) return assertion(flags_.lines ? RegexStep::Place::line_begin : RegexStep::Place::begin);
    if (take("$")) return assertion(flags_.lines ? RegexStep::Place::line_end : RegexStep::Place::end);
    if (take(".")) {
      Part n = make(Node::Kind::characters);
      n->ranges = flags_.dot_all ? Ranges{{0, kLast}} : others({{'\n', '\n'}});
      return n;
    }
    if (sees("\\")) return escape();
    uint32_t c = next();
    return characters({{c, c}});
  }

  Part group(int depth) {
    size_t begin = at_ - 1;
    Part n = make(Node::Kind::group);
    if (take("?P<")) {
      size_t name = at_;
      while (!done() && (isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
      std::string_view found = text_.substr(name, at_ - name);
      if (found.empty() || !take(">")) {
        size_t end = text_.find('>', name);
        fail("invalid named capture group", text_.substr(begin, end == text_.npos ? end : end + 1 - begin));
      }
      if (std::find(names_.begin(), names_.end(), found) != names_.end()) fail("duplicate capture group name", found);
      names_.push_back(found);
      n->group = ++groups_;
    } else if (take("?")) {
      Flags set = flags_;
      bool value = true, any = false;
      for (;;) {
        if (done()) fail("missing )", text_);
        uint32_t c = next();
        if (c == ')' && (any || value)) {
          flags_ = set;
          return nullptr;
        }
        if (c == ':' && (any || value)) break;
        if (c == '-' && value) {
          value = any = false;
        } else if (c == 'i' || c == 'm' || c == 's' || c == 'U') {
          (c == 'i' ? set.no_case : c == 'm' ? set.lines : c == 's' ? set.dot_all : set.swapped) = value;
          any = true;
        } else {
          fail("invalid perl operator", text_.substr(begin, at_ - begin));
        }
      }
      Flags outer = flags_;
      flags_ = set;
      Part inside = choice(depth + 1);
      flags_ = outer;
      if (!take(")")) fail("missing )", text_);
      return inside;
    } else {
      n->group = ++groups_;
    }
    n->parts.push_back(choice(depth + 1));
    if (!take(")")) fail("missing )", text_);
    return n;
  }

  Part escape() {
    struct Assertion {
      std::string_view text;
      RegexStep::Place place;
    };
    constexpr Assertion kAssertions[] = {{"\\A", RegexStep::Place::begin},
                                         {"\\z", RegexStep::Place::end},
                                         {"\\b", RegexStep::Place::boundary},
                                         {"\\B", RegexStep::Place::no_boundary}};
    for (const Assertion& a : kAssertions) {
      if (take(a.text)) return assertion(a.place);
    }
    Ranges r;
    if (perl_class(r)) return characters(r);
    uint32_t c = escaped();
    return characters({{c, c}});
  }

  /// \d and its like; false where there is none.
  bool perl_class(Ranges& r) {
    if (text_.size() < at_ + 2 || text_[at_] != '\\') return false;
    char c = text_[at_ + 1];
    if (c == 'p' || c == 'P') fail("Unicode classes are not supported", text_.substr(at_, 2));
    if (c == 'C') fail("\\C is not supported", "");
    std::span<const Range> found;
    if (c == 'd' || c == 'D') found = kDigits;
    if (c == 's' || c == 'S') found = kSpaces;
    if (c == 'w' || c == 'W') found = kWords;
    if (found.empty()) return false;
    at_ += 2;
    append(r, found, c < 'a');
    return true;
  }

  /// The character that an escape stands for.
  uint32_t escaped() {
    size_t begin = at_++;
    if (done()) fail("trailing \\", "");
    auto bad = [&] { fail("invalid escape sequence", text_.substr(begin, at_ - begin)); };
    uint32_t c = next();
    auto digit = [&](int base) -> int {
      if (done()) return -1;
      char d = text_[at_];
      int value = d >= '0' && d <= '9'   ? d - '0'
                  : d >= 'a' && d <= 'f' ? d - 'a' + 10
                  : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                         : 99;
      return value < base ? value : -1;
    };
    switch (c) {
      case 'a':
        return '\a';
      case 'f':
        return '\f';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 't':
        return '\t';
      case 'v':
        return '\v';
      case 'x': {
        bool braces = take("{");
        uint32_t value = 0;
        int digits = 0;
        for (int d; (braces || digits < 2) && (d = digit(16)) >= 0; ++digits, ++at_) {
          value = value * 16 + uint32_t(d);
          if (value > kLast) bad();
        }
        if (braces ? digits == 0 || !take("}") : digits < 2) bad();
        return value;
      }
      default:
        break;
    }
    if (c == '0' || (c >= '1' && c <= '7' && digit(8) >= 0)) {
      uint32_t value = c - '0';
      for (int i = 0; i < 2 && digit(8) >= 0; ++i, ++at_) value = value * 8 + uint32_t(digit(8));
      return value;
    }
    bool punctuation = c < 0x80 && !isalnum(int(c));
    if (!punctuation) bad();
    return c;
  }

  /// [...], from its bracket on.
  Ranges bracket() {
    size_t begin = at_++;
    bool negative = take("^");
    Ranges r;
    for (bool first = true; first || !sees("]"); first = false) {
      if (done()) fail("missing ]", text_.substr(begin));
      if (sees("[:")) {
        size_t end = text_.find(":]", at_ + 2);
        if (end != text_.npos) {
          std::string_view name = text_.substr(at_ + 2, end - at_ - 2), written = text_.substr(at_, end + 2 - at_);
          bool inverse = name.starts_with("^");
          auto found = std::find_if(std::begin(kClasses), std::end(kClasses),
                                    [&](const Named& c) { return c.name == name.substr(inverse ? 1 : 0); });
          if (found == std::end(kClasses)) fail("invalid character class range", written);
          append(r, found->ranges, inverse);
          at_ = end + 2;
          continue;
        }
      }
      if (perl_class(r)) continue;
      size_t start = at_;
      uint32_t low = sees("\\") ? escaped() : next(), high = low;
      if (sees("-") && !sees("-]") && at_ + 1 < text_.size()) {
        ++at_;
        high = sees("\\") ? escaped() : next();
        if (high < low) fail("invalid character class range", text_.substr(start, at_ - start));
      }
      r.emplace_back(low, high);
    }
    ++at_;
    if (flags_.no_case) r = without_case(r);
    return negative ? others(r) : r;
  }

  std::string_view text_;
  size_t at_ = 0;
  Flags flags_;
  int groups_ = 0;
  std::vector<std::string_view> names_;
};

}  // namespace

RegexTree parse_regex(std::string_view pattern) { return Parser(pattern).parse(); }

}  // namespace thalweg::kernels
