#pragma once
#include <bitset>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "error.hpp"
#include "pattern.hpp"

namespace anser {

/// The pattern as instructions of a non-deterministic machine: a set of places advances with each byte.
struct Pattern::Program {
  enum class Op : std::uint8_t { byte, split, jump, start, end, boundary, no_boundary, ahead, not_ahead, accept };
  struct Step {
    Op op;
    int a = 0, b = 0;  // byte: which set; split, jump: where to; (not_)ahead: where its own accept is followed from
  };
  using Set = std::bitset<256>;
  std::vector<Step> steps;
  std::vector<Set> sets;

  bool run(std::string_view s, int first, std::size_t at, bool whole, std::size_t& budget) const;
};

namespace detail {

inline bool is_word_byte(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Reads the text into a tree and writes the tree as instructions.
template <class Program>
class PatternCompiler {
 public:
  PatternCompiler(std::string_view text, Program& program) : text_(text), program_(program) {
    if (text.size() > 4096) wrong("is longer than 4096 characters");
    const int root = alternatives(0);
    if (at_ < text_.size()) wrong("has a ) without its (");
    emit(root);
    step(Op::accept);
  }

 private:
  using Op = typename Program::Op;
  using Set = typename Program::Set;
  enum class Kind { sequence, choice, repeat, byte, assertion, look };
  struct Node {
    Kind kind;
    std::vector<int> children{};
    int set = 0, least = 0, most = 0;  // most < 0: without end
    Op op{};
  };

  template <class... A>
  [[noreturn]] void wrong(const A&... parts) const {
    fail("the pattern ", text_.substr(0, 200), text_.size() > 200 ? "... " : " ", parts...);
  }
  bool more() const { return at_ < text_.size(); }
  bool eat(std::string_view s) {
    if (text_.substr(at_, s.size()) != s) return false;
    at_ += s.size();
    return true;
  }
  int add(Node n) {
    nodes_.push_back(std::move(n));
    return int(nodes_.size()) - 1;
  }
  int bytes(const Set& set) {
    program_.sets.push_back(set);
    return add({.kind = Kind::byte, .set = int(program_.sets.size()) - 1});
  }
  static Set only(unsigned char c) { return Set().set(c); }

  int alternatives(int depth) {
    if (depth > 64) wrong("nests deeper than 64 groups");
    Node n{.kind = Kind::choice};
    do n.children.push_back(sequence(depth));
    while (eat("|"));
    return n.children.size() == 1 ? n.children[0] : add(std::move(n));
  }
  int sequence(int depth) {
    Node n{.kind = Kind::sequence};
    while (more() && text_[at_] != '|' && text_[at_] != ')') n.children.push_back(repeated(depth));
    return add(std::move(n));
  }
  int repeated(int depth) {
    int least = 0, most = 0;
    if (quantifier(least, most)) wrong("has nothing to repeat before character ", at_);
    const int child = atom(depth);
    if (!quantifier(least, most)) return child;
    eat("?");  // lazy: the same matches
    if (more() && text_[at_] == '+') wrong("uses possessive repetition, which is not supported");
    int again = 0;
    if (quantifier(again, again)) wrong("repeats a repetition before character ", at_);
    return add({.kind = Kind::repeat, .children = {child}, .least = least, .most = most});
  }
  bool quantifier(int& least, int& most) {
    if (eat("*")) return least = 0, most = -1, true;
    if (eat("+")) return least = 1, most = -1, true;
    if (eat("?")) return least = 0, most = 1, true;
    const std::size_t before = at_;
    if (!eat("{")) return false;
    const auto number = [&](int absent) {
      const std::size_t first = at_;
      int n = 0;
      for (; more() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
        n = n * 10 + (text_[at_] - '0');
        if (n > 10000) wrong("repeats more than 10000 times");
      }
      return at_ == first ? absent : n;
    };
    least = number(-1);
    const bool range = eat(",");
    most = range ? number(-1) : least;
    if ((!range && least < 0) || !eat("}")) return at_ = before, false;  // an ordinary brace, as in Python
    if (least < 0) least = 0;
    if (most >= 0 && most < least) wrong("repeats at least ", least, " and at most ", most, " times");
    return true;
  }
  int atom(int depth) {
    const char c = text_[at_++];
    switch (c) {
      case '(': return group(depth);
      case '[': return bytes(members());
      case '.': return bytes(~only('\n'));
      case '^': return add({.kind = Kind::assertion, .op = Op::start});
      case '$': return add({.kind = Kind::assertion, .op = Op::end});
      case '\\': {
        if (eat("A")) return add({.kind = Kind::assertion, .op = Op::start});
        if (eat("Z")) return add({.kind = Kind::assertion, .op = Op::end});
        if (eat("b")) return add({.kind = Kind::assertion, .op = Op::boundary});
        if (eat("B")) return add({.kind = Kind::assertion, .op = Op::no_boundary});
        return bytes(escaped());
      }
      default: return bytes(only(static_cast<unsigned char>(c)));
    }
  }
  int group(int depth) {
    Node look{.kind = Kind::look};
    bool ahead = false;
    if (eat("?")) {
      if (eat("P<")) {
        const std::size_t end = text_.find('>', at_);
        if (end == text_.npos) wrong("has a group name without its >");
        at_ = end + 1;
      } else if (eat("=") || eat("!")) {
        ahead = true;
        look.op = text_[at_ - 1] == '=' ? Op::ahead : Op::not_ahead;
      } else if (!eat(":")) {
        wrong("uses lookbehind, a backreference or flags, which are not supported");
      }
    }
    const int inner = alternatives(depth + 1);
    if (!eat(")")) wrong("has a ( without its )");
    if (!ahead) return inner;
    look.children = {inner};
    return add(std::move(look));
  }
  Set escaped() {
    if (!more()) wrong("ends in a backslash");
    const char c = text_[at_++];
    Set s;
    switch (c) {
      case 'd':
      case 'D':
        for (int i = '0'; i <= '9'; ++i) s.set(std::size_t(i));
        return c == 'd' ? s : ~s;
      case 'w':
      case 'W':
        for (int i = 0; i < 256; ++i) s.set(std::size_t(i), is_word_byte(static_cast<unsigned char>(i)));
        return c == 'w' ? s : ~s;
      case 's':
      case 'S':
        for (char space : {' ', '\t', '\n', '\r', '\f', '\v'}) s.set(static_cast<unsigned char>(space));
        return c == 's' ? s : ~s;
      case 'n': return only('\n');
      case 't': return only('\t');
      case 'r': return only('\r');
      default:
        if (is_word_byte(static_cast<unsigned char>(c)) && c != '_') wrong("uses \\", c, ", which is not supported");
        return only(static_cast<unsigned char>(c));
    }
  }
  /// What stands between [ and ].
  Set members() {
    Set all;
    const bool negated = eat("^");
    for (bool first = true;; first = false) {
      if (!more()) wrong("has a [ without its ]");
      if (!first && eat("]")) break;
      Set low = member();
      if (text_.substr(at_, 1) == "-" && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        const Set high = member();
        if (low.count() != 1 || high.count() != 1) wrong("has a range that ends in a class");
        const std::size_t from = low._Find_first(), to = high._Find_first();
        if (from > to) wrong("has a range that runs backwards");
        for (std::size_t i = from; i <= to; ++i) low.set(i);
      }
      all |= low;
    }
    return negated ? ~all : all;
  }
  Set member() {
    const auto c = static_cast<unsigned char>(text_[at_++]);
    if (c >= 0x80) wrong("has a character in [ ] that is not ASCII, which is not supported");
    return c == '\\' ? escaped() : only(c);
  }

  int step(Op op, int a = 0, int b = 0) {
    program_.steps.push_back({op, a, b});
    return int(program_.steps.size()) - 1;
  }
  int next() const { return int(program_.steps.size()); }
  void emit(int node) {
    if (++emitted_ > 20000) wrong("is too large");
    const Node& n = nodes_[std::size_t(node)];
    const auto at = [&](int i) -> auto& { return program_.steps[std::size_t(i)]; };
    switch (n.kind) {
      case Kind::byte: step(Op::byte, n.set); return;
      case Kind::assertion: step(n.op); return;
      case Kind::sequence:
        for (int child : n.children) emit(child);
        return;
      case Kind::choice: {
        std::vector<int> ends;
        for (std::size_t i = 0; i < n.children.size(); ++i) {
          const bool last = i + 1 == n.children.size();
          const int split = last ? -1 : step(Op::split, next() + 1);
          emit(n.children[i]);
          if (last) break;
          ends.push_back(step(Op::jump));
          at(split).b = next();
        }
        for (int end : ends) at(end).a = next();
        return;
      }
      case Kind::repeat: {
        for (int i = 0; i < n.least; ++i) emit(n.children[0]);
        if (n.most < 0) {
          const int split = step(Op::split, next() + 1);
          emit(n.children[0]);
          step(Op::jump, split);
          at(split).b = next();
        }
        std::vector<int> exits;
        for (int i = n.least; i < n.most; ++i) {
          exits.push_back(step(Op::split, next() + 1));
          emit(n.children[0]);
        }
        for (int exit : exits) at(exit).b = next();
        return;
      }
      case Kind::look: {
        const int look = step(n.op);
        emit(n.children[0]);
        step(Op::accept);
        at(look).a = next();  // goes on here; what is looked for begins at the next step
        return;
      }
    }
  }

  std::string_view text_;
  Program& program_;
  std::size_t at_ = 0;
  int emitted_ = 0;
  std::vector<Node> nodes_;
};

}  // namespace detail

ANSER_INLINE bool Pattern::Program::run(std::string_view s, int first, std::size_t at, bool whole,
                                        std::size_t& budget) const {
  const auto spend = [&](std::size_t n) {
    check(budget >= n, "a pattern takes too long on ", s.substr(0, 100), "; make it simpler");
    budget -= n;
  };
  spend(steps.size());
  std::vector<std::size_t> seen(steps.size(), std::numeric_limits<std::size_t>::max());
  std::vector<int> now, stack{first};
  for (;; ++at) {
    now.clear();
    bool accepted = false;
    while (!stack.empty()) {  // follow all steps that consume nothing
      const int i = stack.back();
      stack.pop_back();
      if (std::exchange(seen[std::size_t(i)], at) == at) continue;
      spend(1);
      const Step& step = steps[std::size_t(i)];
      const auto word_at = [&](std::size_t j) { return j < s.size() && detail::is_word_byte(std::uint8_t(s[j])); };
      const bool boundary = word_at(at) != (at > 0 && word_at(at - 1));
      switch (step.op) {
        case Op::byte: now.push_back(i); break;
        case Op::split: stack.push_back(step.b); [[fallthrough]];
        case Op::jump: stack.push_back(step.a); break;
        case Op::start: at == 0 ? stack.push_back(i + 1) : void(); break;
        case Op::end: at == s.size() ? stack.push_back(i + 1) : void(); break;
        case Op::boundary: boundary ? stack.push_back(i + 1) : void(); break;
        case Op::no_boundary: boundary ? void() : stack.push_back(i + 1); break;
        case Op::ahead:
        case Op::not_ahead:
          if (run(s, i + 1, at, false, budget) == (step.op == Op::ahead)) stack.push_back(step.a);
          break;
        case Op::accept: accepted |= !whole || at == s.size(); break;
      }
    }
    if (accepted) return true;
    if (at == s.size()) return false;
    for (int i : now)
      if (sets[std::size_t(steps[std::size_t(i)].a)][std::uint8_t(s[at])]) stack.push_back(i + 1);
    if (stack.empty()) return false;
  }
}

ANSER_INLINE Pattern::Pattern(std::string text) : text_(std::move(text)) {
  auto program = std::make_shared<Program>();
  detail::PatternCompiler<Program>(text_, *program);
  program_ = std::move(program);
}

ANSER_INLINE bool Pattern::match(std::string_view subject) const {
  std::size_t budget = 5'000'000;
  return program_->run(subject, 0, 0, true, budget);
}

}  // namespace anser
