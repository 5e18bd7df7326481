#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "config.hpp"

namespace anser {

/// A regular expression in the syntax of Python's `re`, as PEFT's files use it for module paths: literals, classes,
/// groups, alternatives, repetitions, anchors, word boundaries and lookahead. It matches whole subjects.
/// Time is bounded (states are followed side by side, never backtracked), so files of strangers may bring patterns.
class Pattern {
 public:
  /// Throws Error naming the pattern where its syntax is wrong, too large, or one of: backreferences, lookbehind,
  /// flags, possessive repetition.
  explicit Pattern(std::string text);

  bool match(std::string_view subject) const;
  const std::string& text() const { return text_; }

  /// Whether a name has a character that a pattern would read as something else than itself, other than the dot.
  static bool looks_like_one(std::string_view name) { return name.find_first_of("*+?()[]{}|^$\\") != name.npos; }

 private:
  struct Program;
  std::string text_;
  std::shared_ptr<const Program> program_;
};

}  // namespace anser

#if !defined(ANSER_COMPILED)
#include "pattern-inl.hpp"
#endif
