// Patterns as trees.
#pragma once

#include <memory>

#include "thalweg/kernels/regex.h"

namespace thalweg::kernels {

struct RegexNode {
  enum class Kind { empty, characters, sequence, choice, repeat, group, assertion };
  Kind kind = Kind::empty;
  std::vector<std::unique_ptr<RegexNode>> parts{};
  std::vector<std::pair<uint32_t, uint32_t>> ranges{};
  RegexStep::Place place = RegexStep::Place::begin;
  int low = 0, high = -1;  // repetitions; -1: any number
  bool greedy = true;
  int group = 0;
};

struct RegexTree {
  std::unique_ptr<RegexNode> root;
  int groups = 0;
};

RegexTree parse_regex(std::string_view pattern);

}  // namespace thalweg::kernels
