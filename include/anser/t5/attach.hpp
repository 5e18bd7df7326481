#pragma once
#include <span>

#include "../routed.hpp"
#include "model.hpp"

namespace anser {

/// Give every site of a model the experts of a pool that has any there, heard as the router decides. Replaces what was
/// attached, and unpacks the model, since routers' rows are packed with the weights. Throws Error where an expert does
/// not fit, or lacks what the router reads.
template <Backend B, class Module, class R>
void attach(T5Model<B>& model, std::span<const Expert> experts, Module module = {}, R router = {}) {
  model.unpack();
  model.each_place([&](Site& site, std::unique_ptr<SiteExperts<B>>& place) {
    place.reset();
    site.experts = int(experts.size());
    for (const Expert& e : experts)
      if (e.has(site.name)) {
        place = std::make_unique<Routed<B, Module, R>>(model.device(), module, router, site, experts);
        return;
      }
  });
}

/// A walk over all that experts and routers hold, for learn_only: "<site>.lora_A.<expert>.weight",
/// "<site>.gate.<expert>".
template <Backend B>
auto experts_of(T5Model<B>& model) {
  return [&model](const auto& leaf) {
    model.each_place([&](const Site& site, const std::unique_ptr<SiteExperts<B>>& place) {
      if (!place) return;
      place->visit([&](const std::string& name, Real<B>& tensor) { leaf(site.name + '.' + name, tensor); });
    });
  };
}
/// A walk over the model's own weights, under Hugging Face's names.
template <Backend B>
auto weights_of(T5Model<B>& model) {
  return [&model](const auto& leaf) { walk(model, leaf); };
}

}  // namespace anser
