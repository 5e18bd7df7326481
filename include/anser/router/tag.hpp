#pragma once
#include <utility>
#include <vector>

#include "concept.hpp"

namespace anser {

/// Each task's own expert (Muqeeth et al. 2023, section 4.2), at every site, as Batch::task says: nothing is learned.
/// Trained jointly with the experts, and useless for inputs whose task is not known.
struct Tag {
  std::vector<int> expert;   // by task: a place in the pool
  std::vector<int> encoder;  // the same for the encoder's sites; empty: as for all
  template <Backend B>
  struct On;
};

template <Backend B>
struct Tag::On {
  B* device;
  std::vector<int> expert;  // by task; -1 where the site does not have it

  On(B& device_, Tag o, const Site& s)
      : device(&device_), expert(std::move(s.stack == Stack::encoder && !o.encoder.empty() ? o.encoder : o.expert)) {}
  static void visit(auto&, auto&&) {}
  /// Throws Error for an expert that the pool does not have.
  void prepare(const Site& s, std::span<const Expert> experts) {
    for (int& e : expert) {
      check(e >= 0 && e < int(experts.size()), "tag: a task has the expert ", e, ", and the pool has ", experts.size());
      if (!experts[std::size_t(e)].has(s.name)) e = -1;
    }
  }

  /// Throws Error where the examples' tasks are not known, or one is none of those that have an expert.
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>& batch) const {
    check(int(batch.task.size()) == batch.examples, "routing: ", batch.task.size(), " tasks are given for ",
          batch.examples, " examples; Batch::task has one for each");
    const int n = int(batch.task.size());
    std::vector<std::int32_t> who;
    for (const int t : batch.task) {
      check(t >= 0 && t < int(expert.size()), "routing: the task ", t, " is given, and ", expert.size(),
            " have an expert");
      who.push_back(expert[std::size_t(t)]);
    }
    return {Index<B>(*device, {n, 1}, who), Real<B>(*device, {n, 1}, std::vector<typename B::real>(who.size(), 1))};
  }
  OutputRouting<B> plan(const Context<B>& cx, const Batch<B>& batch) const { return route(cx, {}, batch); }
};
static_assert(Router<Tag>);

}  // namespace anser
