#pragma once
#include <algorithm>
#include <vector>

#include "concept.hpp"

namespace anser {

/// The expert that Batch::expert gives to each example, at every site: an oracle's by the task, or a retrieval's by the
/// nearest stored example. Whoever lacks a site, and -1, is nobody there.
struct Given {
  template <Backend B>
  struct On;
};

template <Backend B>
struct Given::On {
  B* device;
  std::vector<bool> here;  // by place in the pool

  On(B& device_, Given, const Site&) : device(&device_) {}
  static void visit(auto&, auto&&) {}
  void prepare(const Site& site, std::span<const Expert> experts) {
    for (const Expert& e : experts) here.push_back(e.has(site.name));
  }

  /// Throws Error where no expert is given, or one that the pool does not have.
  OutputRouting<B> route(const Context<B>&, const Tensor<B>&, const Batch<B>& batch) const {
    check(!batch.expert.empty() && batch.examples % int(batch.expert.size()) == 0, "routing: ", batch.expert.size(),
          " experts are given for ", batch.examples, " examples; Batch::expert has one for each");
    const int n = int(batch.expert.size());
    std::vector<std::int32_t> who;
    for (const int e : batch.expert) {
      check(e >= -1 && e < int(here.size()), "routing: the expert ", e, " is given, and the pool has ", here.size());
      who.push_back(e >= 0 && here[std::size_t(e)] ? std::int32_t(e) : -1);
    }
    if (std::all_of(who.begin(), who.end(), [](std::int32_t e) { return e < 0; })) return {};
    return {Index<B>(*device, {n, 1}, who), Real<B>(*device, {n, 1}, std::vector<typename B::real>(who.size(), 1))};
  }
};
static_assert(Router<Given>);

}  // namespace anser
