// From trees to programs, and the machine that runs them: Pike's, as in Cox, "Regular expression matching: the virtual
// machine approach", 2009.
#include "thalweg/kernels/regex.h"

#include <algorithm>

#include "thalweg/core/error.h"
#include "thalweg/kernels/regex_parse.h"

namespace thalweg::kernels {
namespace {

using Kind = RegexStep::Kind;

/// Whether it may match without reading a character.
bool may_be_empty(const RegexNode& n) {
  auto all = [&](auto&& f) {
    for (const auto& p : n.parts) {
      if (!f(*p)) return false;
    }
    return true;
  };
  switch (n.kind) {
    case RegexNode::Kind::characters:
      return false;
    case RegexNode::Kind::sequence:
    case RegexNode::Kind::group:
      return all(may_be_empty);
    case RegexNode::Kind::choice:
      return !all([](const RegexNode& p) { return !may_be_empty(p); });
    case RegexNode::Kind::repeat:
      return n.low == 0 || may_be_empty(*n.parts[0]);
    default:
      return true;
  }
}

class Compiler {
 public:
  explicit Compiler(std::string_view pattern) : pattern_(pattern) {}

  std::vector<RegexStep> compile(const RegexNode& root) {
    save(0);
    node(root);
    save(1);
    add({Kind::match});
    return std::move(steps_);
  }

 private:
  static constexpr size_t kMostSteps = 200000;

  int size() const { return int(steps_.size()); }
  int add(RegexStep s) {
    if (steps_.size() >= kMostSteps)
      TW_FAIL(InvalidArgument, "Invalid pattern: ", pattern_, ", error: pattern too large - compile failed");
    steps_.push_back(std::move(s));
    return size() - 1;
  }
  void save(int slot) {
    int s = add({Kind::save});
    steps_[size_t(s)].second = slot;
    steps_[size_t(s)].to = size();
  }
  /// A step with two ways, the next step and one that is set later.
  int fork() { return add({Kind::either}); }
  void set_fork(int fork, int next, int other, bool prefers_next) {
    steps_[size_t(fork)].to = prefers_next ? next : other;
    steps_[size_t(fork)].second = prefers_next ? other : next;
  }

  void node(const RegexNode& n) {
    switch (n.kind) {
      case RegexNode::Kind::empty:
        return;
      case RegexNode::Kind::characters: {
        int s = add({Kind::characters});
        steps_[size_t(s)].ranges = n.ranges;
        steps_[size_t(s)].to = size();
        return;
      }
      case RegexNode::Kind::assertion: {
        int s = add({Kind::assertion});
        steps_[size_t(s)].place = n.place;
        steps_[size_t(s)].to = size();
        return;
      }
      case RegexNode::Kind::sequence:
        for (const auto& p : n.parts) node(*p);
        return;
      case RegexNode::Kind::group:
        save(2 * n.group);
        node(*n.parts[0]);
        save(2 * n.group + 1);
        return;
      case RegexNode::Kind::choice: {
        std::vector<int> ends;
        for (size_t i = 0; i + 1 < n.parts.size(); ++i) {
          int f = fork();
          node(*n.parts[i]);
          ends.push_back(add({Kind::jump}));
          set_fork(f, f + 1, size(), true);
        }
        node(*n.parts.back());
        for (int end : ends) steps_[size_t(end)].to = size();
        return;
      }
      case RegexNode::Kind::repeat:
        return repeat(n);
    }
  }

  void repeat(const RegexNode& n) {
    const RegexNode& what = *n.parts[0];
    for (int i = 0; i + 1 < n.low; ++i) node(what);
    if (n.high < 0) {
      if (n.low == 0 && !may_be_empty(what)) {
        int f = fork();
        node(what);
        steps_[size_t(add({Kind::jump}))].to = f;
        set_fork(f, f + 1, size(), n.greedy);
        return;
      }
      // x* of an x that may be empty is (x+)?, so that an empty x that is preferred ends the loop.
      int skip = n.low == 0 ? fork() : -1;
      int begin = size();
      node(what);
      int f = fork();
      set_fork(f, begin, size(), n.greedy);
      if (skip >= 0) set_fork(skip, begin, size(), n.greedy);
      return;
    }
    if (n.low > 0) node(what);
    std::vector<int> forks;
    for (int i = n.low; i < n.high; ++i) {
      forks.push_back(fork());
      node(what);
    }
    for (int f : forks) set_fork(f, f + 1, size(), n.greedy);
  }

  std::string_view pattern_;
  std::vector<RegexStep> steps_;
};

bool is_word(std::string_view text, size_t at) {
  if (at >= text.size()) return false;
  char c = text[at];
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool holds(RegexStep::Place place, std::string_view text, size_t at) {
  using Place = RegexStep::Place;
  switch (place) {
    case Place::begin:
      return at == 0;
    case Place::end:
      return at == text.size();
    case Place::line_begin:
      return at == 0 || text[at - 1] == '\n';
    case Place::line_end:
      return at == text.size() || text[at] == '\n';
    default: {
      bool boundary = (at > 0 && is_word(text, at - 1)) != is_word(text, at);
      return boundary == (place == Place::boundary);
    }
  }
}

bool passes(const RegexStep& s, uint32_t c) {
  for (auto [low, high] : s.ranges) {
    if (c < low) return false;
    if (c <= high) return true;
  }
  return false;
}

/// By byte: whether a match may begin with it. Empty where a match may be empty, or where it begins with an assertion.
std::vector<char> first_bytes(const std::vector<RegexStep>& steps) {
  std::vector<char> out(256), seen(steps.size());
  std::vector<int> stack{0};
  while (!stack.empty()) {
    size_t at = size_t(stack.back());
    stack.pop_back();
    if (seen[at]) continue;
    seen[at] = 1;
    const RegexStep& s = steps[at];
    switch (s.kind) {
      case Kind::match:
      case Kind::assertion:
        return {};
      case Kind::characters:
        for (auto [low, high] : s.ranges) {
          for (uint32_t c = low; c <= std::min(high, 0x7fu); ++c) out[c] = 1;
          if (high > 0x7f) std::fill(out.begin() + 0xc2, out.end(), char(1));  // the first bytes of longer characters
        }
        break;
      case Kind::either:
        stack.push_back(s.second);
        [[fallthrough]];
      default:
        stack.push_back(s.to);
    }
  }
  return out;
}

/// Threads at one place of the text, most preferred first; slots of thread i begin at i * width.
struct Threads {
  std::vector<int> steps;
  std::vector<size_t> slots;
  void clear() {
    steps.clear();
    slots.clear();
  }
};

class Machine {
 public:
  Machine(const std::vector<RegexStep>& steps, const std::vector<char>& first, std::string_view text, size_t width)
      : steps_(steps), first_(first), text_(text), width_(width), seen_(steps.size(), Regex::kNowhere) {}

  bool run(size_t from, bool all, std::vector<size_t>& found) {
    bool matched = false;
    std::vector<size_t> fresh(width_, Regex::kNowhere);
    for (size_t at = from;;) {
      if (now_.steps.empty() && !matched && !all && !first_.empty()) {
        while (at < text_.size() && !first_[static_cast<unsigned char>(text_[at])]) ++at;
        if (at == text_.size()) break;
      }
      // A match may begin here unless one has begun before.
      if (!matched && (!all || at == 0)) follow(0, at, fresh.data());
      if (now_.steps.empty() && (matched || all)) break;
      auto [c, length] = at < text_.size() ? utf8_at(text_, at) : std::pair<uint32_t, size_t>{0, 1};
      later_.clear();
      std::swap(now_, later_);  // follow() adds to now_
      for (size_t i = 0; i < later_.steps.size(); ++i) {
        const RegexStep& s = steps_[size_t(later_.steps[i])];
        const size_t* slots = later_.slots.data() + i * width_;
        if (s.kind == Kind::match) {
          if (all && at != text_.size()) continue;
          found.assign(slots, slots + width_);
          matched = true;
          break;  // what is left is less preferred
        }
        if (at < text_.size() && passes(s, c)) follow(s.to, at + length, slots);
      }
      if (at >= text_.size()) break;
      at += length;
    }
    return matched;
  }

 private:
  /// Adds what can be reached from a step without reading, in order of preference.
  void follow(int step, size_t at, const size_t* slots) {
    std::vector<Pending>& stack = stack_;
    std::vector<size_t>& now = at_hand_;
    stack.assign({{step, -1, 0}});
    now.assign(slots, slots + width_);
    while (!stack.empty()) {
      Pending p = stack.back();
      stack.pop_back();
      if (p.slot >= 0) {  // back from a save
        now[size_t(p.slot)] = p.value;
        continue;
      }
      if (seen_[size_t(p.step)] == at) continue;
      seen_[size_t(p.step)] = at;
      const RegexStep& s = steps_[size_t(p.step)];
      switch (s.kind) {
        case Kind::jump:
          stack.push_back({s.to, -1, 0});
          break;
        case Kind::either:
          stack.push_back({s.second, -1, 0});
          stack.push_back({s.to, -1, 0});
          break;
        case Kind::save:
          if (size_t(s.second) < width_) {
            stack.push_back({0, s.second, now[size_t(s.second)]});
            now[size_t(s.second)] = at;
          }
          stack.push_back({s.to, -1, 0});
          break;
        case Kind::assertion:
          if (holds(s.place, text_, at)) stack.push_back({s.to, -1, 0});
          break;
        default:
          now_.steps.push_back(p.step);
          now_.slots.insert(now_.slots.end(), now.begin(), now.end());
      }
    }
  }

  struct Pending {
    int step, slot;  // slot >= 0: a slot that gets its value back
    size_t value;
  };
  const std::vector<RegexStep>& steps_;
  const std::vector<char>& first_;
  std::string_view text_;
  size_t width_;
  std::vector<size_t> seen_;  // by step: the place at which it was last reached
  Threads now_, later_;
  std::vector<Pending> stack_;  // follow's own
  std::vector<size_t> at_hand_;
};

}  // namespace

std::pair<uint32_t, size_t> utf8_at(std::string_view text, size_t at) {
  constexpr uint32_t kBad = 0x110000;
  auto byte = [&](size_t i) -> uint32_t { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return {kBad, 1};
  uint32_t c = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return {kBad, 1};
    c = c << 6 | (byte(at + i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < kLeast[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return {kBad, 1};
  return {c, length};
}

Regex::Regex(std::string_view pattern) {
  RegexTree tree = parse_regex(pattern);
  groups_ = tree.groups;
  steps_ = Compiler(pattern).compile(*tree.root);
  first_ = first_bytes(steps_);
}

bool Regex::run(std::string_view text, size_t from, bool all, std::vector<size_t>& groups) const {
  return Machine(steps_, first_, text, groups.size()).run(from, all, groups);
}

}  // namespace thalweg::kernels
