#pragma once
#include <string>
#include <vector>

#include "../ops/mean.hpp"
#include "concept.hpp"

namespace anser {

/// Listens at every site while one expert is heard in full, and keeps the mean over examples of each example's mean
/// input, padding left out: the rows that average activation routes by (Muqeeth et al. 2024, section 4).
struct MeanInput {
  template <Backend B>
  struct On;
};

template <Backend B>
struct MeanInput::On {
  B* device;
  int width;
  std::string name;  // of the expert; empty: it has no such site
  OutputRouting<B> always;
  mutable std::vector<double> total;  // [in], over examples
  mutable long long examples = 0;

  On(B& device_, MeanInput, const Site& site) : device(&device_), width(site.in) {}

  /// The mean so far, made when it is asked for: activation.<expert> [in].
  static void visit(auto& self, auto&& f) {
    if (self.name.empty()) return;
    std::vector<typename B::real> mean;
    for (const double v : self.total) mean.push_back(typename B::real(self.examples ? v / double(self.examples) : 0.0));
    Real<B> t(*self.device, {self.width}, mean);
    f("activation." + self.name, t);
  }

  /// Throws Error unless there is exactly one expert.
  void prepare(const Site& site, std::span<const Expert> experts) {
    check(experts.size() == 1, "mean inputs are those of one expert's data, and ", experts.size(), " are heard");
    if (!experts[0].has(site.name)) return;
    name = experts[0].name;
    total.assign(std::size_t(width), 0);
    always = {Index<B>(*device, {1, 1}, std::vector<std::int32_t>{0}),
              Real<B>(*device, {1, 1}, std::vector<typename B::real>{1})};
  }

  OutputRouting<B> route(const Context<B>& cx, const Tensor<B>& x, const Batch<B>& batch) const {
    if (name.empty()) return {};
    const auto means = mean_rows(Context<B>{cx.device}, x, batch.examples, batch.mask).host();
    for (std::size_t i = 0; i < means.size(); ++i) total[i % std::size_t(width)] += double(means[i]);
    examples += batch.examples;
    return always;
  }
};
static_assert(Router<MeanInput>);

}  // namespace anser
