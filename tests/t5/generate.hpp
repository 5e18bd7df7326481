#pragma once
#include <anser/io/json.hpp>

#include "../golden.hpp"

namespace anser::test {

inline std::vector<std::vector<std::int32_t>> ids_of(const Json& list) {
  std::vector<std::vector<std::int32_t>> out;
  for (const auto& row : list.items()) {
    out.emplace_back();
    for (const auto& id : row.items()) out.back().push_back(std::int32_t(id.integer(-1000, 1 << 24)));
  }
  return out;
}

/// Every generation that a golden case lists: token for token, and beam scores.
template <Backend B>
int check_generations(const T5Model<B>& model, const std::string& json, const Golden& g) {
  int compared = 0;
  for (const auto& want : read_json(golden(json)).at("generation").items()) {
    Generation o;
    o.max_new_tokens = int(want.integer("max_new_tokens", 1, 1000));
    o.beam.beams = int(want.integer("num_beams", 1, 100));
    if (o.beam.beams > 1) {
      o.beam.length_penalty = want.real("length_penalty");
      const auto stopping = want.at("early_stopping");
      o.beam.early_stopping = stopping.kind() == Json::Kind::text ? EarlyStopping::never
                              : stopping.boolean()                ? EarlyStopping::yes
                                                                  : EarlyStopping::no;
    }
    auto session = model.encode({model.device()}, g.tokens(want.text("set"), "input_ids"));
    const auto got = generate(model, session, o);
    const auto ids = ids_of(want.at("ids"));
    BOOST_REQUIRE_EQUAL(got.size(), ids.size());
    for (std::size_t b = 0; b < ids.size(); ++b) {
      BOOST_CHECK_MESSAGE(got[b].tokens == ids[b], json << ": other tokens for " << want.written(160));
      if (want.has("sequences_scores"))
        BOOST_CHECK_SMALL(got[b].score - want.at("sequences_scores").items()[b].real(), 1e-4);
    }
    ++compared;
  }
  return compared;
}

/// Choices scored one example at a time, and in a batch of unequal numbers of choices.
template <Backend B>
void check_choices() {
  const auto model = golden_model<B>("v1_1");
  model->pack();
  const Context<B> cx{model->device()};
  std::vector<std::vector<std::int32_t>> inputs;
  std::vector<std::vector<std::vector<std::int32_t>>> choices;
  std::vector<std::vector<double>> wanted;
  for (const auto& c : read_json(golden("v1_1/golden.json")).at("choices").items()) {
    inputs.emplace_back();
    for (const auto& id : c.at("input_ids").items()) inputs.back().push_back(std::int32_t(id.integer(0, 1 << 20)));
    choices.push_back(ids_of(c.at("choices")));
    wanted.emplace_back();
    for (const auto& s : c.at("scores").items()) wanted.back().push_back(s.real());
    // one example alone
    check_close(score_choices(*model, cx, Tokens::pad({inputs.back()}, 0), {choices.back()})[0], wanted.back(), 1e-4,
                "choices");
  }
  BOOST_REQUIRE_GE(inputs.size(), 3u);
  choices[1].pop_back();  // a batch of unequal numbers of choices
  wanted[1].pop_back();
  const auto got = score_choices(*model, cx, Tokens::pad(inputs, 0), choices);
  for (std::size_t b = 0; b < got.size(); ++b) check_close(got[b], wanted[b], 1e-4, "choices in a batch");
}

}  // namespace anser::test
