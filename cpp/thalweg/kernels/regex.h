// Regular expressions in RE2's syntax over UTF-8, matched in time linear in the text (no back references). Not there:
// \C, and Unicode classes (\p{...}). Case is ignored for Latin, Greek and Cyrillic letters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thalweg::kernels {

/// A program for Pike's machine: threads that read one character at a time, in order of preference.
struct RegexStep {
  enum class Kind { characters, either, jump, save, assertion, match };
  enum class Place { begin, end, line_begin, line_end, boundary, no_boundary };
  Kind kind;
  int to = 0, second = 0;  // where it goes on; of two ways `to` is preferred. `save` keeps its place in slot `second`
  Place place = Place::begin;
  std::vector<std::pair<uint32_t, uint32_t>> ranges{};  // the characters that pass, in order
};

class Regex {
 public:
  static constexpr size_t kNowhere = size_t(-1);
  /// InvalidArgument with RE2's words for what is wrong.
  explicit Regex(std::string_view pattern);

  /// Numbered groups beside the whole match, 0.
  int groups() const { return groups_; }
  /// The leftmost match that begins at `from` or later: groups[2i] and groups[2i + 1] are where group i begins and
  /// ends.
  bool search(std::string_view text, size_t from, std::vector<size_t>& groups) const {
    return run(text, from, false, groups);
  }
  bool matches_all(std::string_view text) const {
    std::vector<size_t> groups(2);
    return run(text, 0, true, groups);
  }

 private:
  bool run(std::string_view text, size_t from, bool all, std::vector<size_t>& groups) const;

  std::vector<RegexStep> steps_;
  std::vector<char> first_;  // by byte: whether a match may begin with it; empty: with any
  int groups_ = 0;
};

/// The character at `at` and its length in bytes; a byte that is not UTF-8 counts as a character that nothing matches.
std::pair<uint32_t, size_t> utf8_at(std::string_view text, size_t at);

}  // namespace thalweg::kernels
