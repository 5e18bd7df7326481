#include <anser/io/json.hpp>
#include <anser/io/mapped_file.hpp>
#include <anser/train/span_corruption.hpp>
#include <map>
#include <numeric>
#include <optional>

#include "../gradient.hpp"

namespace anser::test {
namespace {

constexpr std::int32_t eos = 1;

std::vector<std::int32_t> sentinels(int n = 100) {
  std::vector<std::int32_t> ids;
  for (int i = 0; i < n; ++i) ids.push_back(32099 - i);
  return ids;
}
std::vector<std::int32_t> text_of(int length) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(length));
  std::iota(ids.begin(), ids.end(), 100);
  return ids;
}
/// Which sentinel an id is, or -1.
int sentinel(std::int32_t id) { return id > 32000 ? 32099 - id : -1; }

/// The spans that a target tells, by sentinel; the end is checked and dropped.
std::vector<std::vector<std::int32_t>> spans_of(const CorruptedText& c) {
  std::vector<std::vector<std::int32_t>> spans;
  BOOST_TEST(c.target.back() == eos);
  for (std::size_t i = 0; i + 1 < c.target.size(); ++i) {
    const int s = sentinel(c.target[i]);
    if (s < 0) {
      BOOST_REQUIRE(!spans.empty());
      spans.back().push_back(c.target[i]);
    } else {
      BOOST_TEST(s == int(spans.size()));  // counted down from the highest id, in order
      spans.emplace_back();
    }
  }
  return spans;
}
/// The text that input and target came from.
std::vector<std::int32_t> reassemble(const CorruptedText& c) {
  const auto spans = spans_of(c);
  std::vector<std::int32_t> text;
  BOOST_TEST(c.input.back() == eos);
  for (std::size_t i = 0; i + 1 < c.input.size(); ++i) {
    const int s = sentinel(c.input[i]);
    if (s < 0)
      text.push_back(c.input[i]);
    else
      text.insert(text.end(), spans.at(std::size_t(s)).begin(), spans.at(std::size_t(s)).end());
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(input_and_target_together_are_the_text) {
  for (const int length : {1, 2, 3, 4, 5, 7, 10, 20, 33, 100, 568})
    for (std::uint64_t draw = 0; draw < 20; ++draw)
      for (const bool final_sentinel : {true, false}) {
        const SpanCorruption o{.final_sentinel = final_sentinel};
        const auto ids = text_of(length);
        const auto c = corrupt_spans(ids, sentinels(), eos, Random{3, draw}, o);
        BOOST_TEST(reassemble(c) == ids);
        const auto n = NoiseCount::of(length, o);
        if (length == 1) continue;
        BOOST_TEST(int(c.input.size()) == n.input());
        BOOST_TEST(int(c.target.size()) == n.target(o));
        BOOST_TEST(sentinel(c.input[0]) < 0);  // text first, a span last
        BOOST_TEST(sentinel(c.input[c.input.size() - 2]) == n.spans - 1);
        auto spans = spans_of(c);
        if (final_sentinel) {
          BOOST_TEST(spans.back().empty());
          spans.pop_back();
        }
        BOOST_TEST(int(spans.size()) == n.spans);
        int hidden = 0;
        for (const auto& s : spans) {
          BOOST_TEST(!s.empty());
          hidden += int(s.size());
        }
        BOOST_TEST(hidden == n.noise);
        for (std::size_t i = 1; i < c.input.size(); ++i)  // spans never touch
          BOOST_TEST((sentinel(c.input[i]) < 0 || sentinel(c.input[i - 1]) < 0));
      }
}

BOOST_AUTO_TEST_CASE(short_texts) {
  using Ids = std::vector<std::int32_t>;
  for (const bool final_sentinel : {true, false}) {
    const SpanCorruption o{.final_sentinel = final_sentinel};
    const auto one = corrupt_spans(Ids{7}, sentinels(), eos, Random{1}, o);  // as in T5, nothing is left out
    BOOST_TEST(one.input == (Ids{7, eos}));
    BOOST_TEST(one.target == (Ids{32099, eos}));
    const auto two = corrupt_spans(Ids{7, 8}, sentinels(), eos, Random{1}, o);
    BOOST_TEST(two.input == (Ids{7, 32099, eos}));
    BOOST_TEST(two.target == (final_sentinel ? Ids{32099, 8, 32098, eos} : Ids{32099, 8, eos}));
  }
}

BOOST_AUTO_TEST_CASE(density_and_span_length_over_many_draws) {
  for (const SpanCorruption o : {SpanCorruption{}, SpanCorruption{.density = 0.3, .mean_span = 5}}) {
    constexpr int draws = 2000, length = 200;
    double hidden = 0, spans = 0;
    std::vector<int> at(length);
    std::map<std::size_t, int> lengths;
    for (std::uint64_t draw = 0; draw < draws; ++draw)
      for (const auto& s : spans_of(corrupt_spans(text_of(length), sentinels(), eos, Random{8}.fork(draw), o))) {
        if (s.empty()) continue;
        ++spans;
        ++lengths[s.size()];
        hidden += double(s.size());
        for (const auto id : s) ++at[std::size_t(id - 100)];
      }
    BOOST_TEST(std::fabs(hidden / (draws * length) - o.density) < 0.005);
    BOOST_TEST(std::fabs(hidden / spans - o.mean_span) < 0.05);
    BOOST_TEST(lengths.size() > 8u);  // spans are of all lengths,
    BOOST_TEST(lengths[1] > lengths[4]);
    for (int i = 20; i < length - 20; ++i)  // and hide every place about as often
      BOOST_TEST(std::fabs(at[std::size_t(i)] / double(draws) - o.density) < 0.25 * o.density);
  }
}

// 5 items in 3 segments: 6 ways.
BOOST_AUTO_TEST_CASE(every_way_of_cutting_is_equally_likely) {
  std::map<std::vector<int>, int> ways;
  for (std::uint64_t draw = 0; draw < 6000; ++draw) {
    const auto lengths = cut_segments(5, 3, Random{2, draw});
    BOOST_TEST(std::accumulate(lengths.begin(), lengths.end(), 0) == 5);
    BOOST_TEST(lengths.size() == 3u);
    ++ways[lengths];
  }
  BOOST_TEST(ways.size() == 6u);
  for (const auto& [lengths, count] : ways) BOOST_TEST(std::abs(count - 1000) < 130);
}

BOOST_AUTO_TEST_CASE(a_draw_is_a_function_of_its_random) {
  const auto ids = text_of(60);
  const auto a = corrupt_spans(ids, sentinels(), eos, Random{5}.fork(1)),
             b = corrupt_spans(ids, sentinels(), eos, Random{5}.fork(1)),
             c = corrupt_spans(ids, sentinels(), eos, Random{5}.fork(2)),
             d = corrupt_spans(ids, sentinels(), eos, Random{6}.fork(1));
  BOOST_TEST(a.input == b.input);
  BOOST_TEST(a.target == b.target);
  BOOST_TEST(a.input != c.input);
  BOOST_TEST(a.input != d.input);
}

BOOST_AUTO_TEST_CASE(lengths_are_those_of_the_published_code) {
  const std::string path = std::string(ANSER_TEST_GOLDEN_DIR) + "/train/span_corruption.json";
  BOOST_REQUIRE_MESSAGE(has_file(path), path << " is missing; make it with: python tests/golden/make.py");
  const auto integers = [](const Json& list) {
    std::vector<int> v;
    for (const Json& i : list.items()) v.push_back(int(i.integer(0, 1 << 20)));
    return v;
  };
  int compared = 0;
  for (const Json& golden : read_json(path).at("cases").items()) {
    SpanCorruption o{golden.real("density"), golden.real("mean_span"), false};
    for (const Json& row : golden.at("lengths").items()) {
      const auto n = integers(row);
      const auto longest = longest_text(n[0], o);
      BOOST_TEST(longest.tokens == n[1], "inputs of " << n[0] << " at " << o.density << ": " << longest.tokens);
      BOOST_TEST(longest.target(o) == n[2]);
      ++compared;
    }
    for (const Json& row : golden.at("counts").items()) {
      const auto n = integers(row),
                 found = std::vector{n[0], NoiseCount::of(n[0], o).noise, NoiseCount::of(n[0], o).spans};
      BOOST_TEST(found == n);
    }
  }
  BOOST_TEST(compared > 80);
  BOOST_TEST(longest_text(512, {}).tokens == 568);
  for (int input = 3; input < 300; ++input) {  // the longest, whatever the input
    const auto n = longest_text(input, {});
    BOOST_TEST(n.input() <= input);
    BOOST_TEST(NoiseCount::of(n.tokens + 1, {}).input() > input);
  }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_corrupted) {
  const auto corrupt = [](std::vector<std::int32_t> ids, int n, SpanCorruption o = {}) {
    return corrupt_spans(ids, sentinels(n), eos, Random{1}, o);
  };
  BOOST_TEST(corrupt(text_of(100), 6).target.size() > 0u);  // 5 spans and the final sentinel
  BOOST_CHECK_EXCEPTION(corrupt(text_of(100), 5), Error,
                        says("100 tokens takes 6 sentinels, and the vocabulary has 5"));
  BOOST_TEST(corrupt(text_of(100), 5, {.final_sentinel = false}).target.size() > 0u);
  BOOST_CHECK_EXCEPTION(corrupt({5, 32096, 6}, 100), Error, says("<extra_id_3>"));
  BOOST_CHECK_EXCEPTION(corrupt({}, 100), Error, says("without tokens"));
  BOOST_CHECK_EXCEPTION(corrupt({5}, 100, {.density = 0}), Error, says("a density of 0"));
  BOOST_CHECK_EXCEPTION(corrupt({5}, 100, {.mean_span = 0.5}), Error, says("spans of 0.5"));
  BOOST_CHECK_EXCEPTION(longest_text(2, {}), Error, says("inputs of 2 tokens"));
}

BOOST_AUTO_TEST_CASE(sentinels_of_a_vocabulary) {
  struct Pieces {
    std::map<std::string, std::int32_t> pieces;
    std::optional<std::int32_t> id(const std::string& piece) const {
      const auto found = pieces.find(piece);
      return found == pieces.end() ? std::nullopt : std::optional(found->second);
    }
  };
  const Pieces three{{{"<extra_id_0>", 12}, {"<extra_id_1>", 11}, {"<extra_id_2>", 10}, {"<extra_id_4>", 8}}};
  BOOST_TEST(find_sentinels(three) == (std::vector<std::int32_t>{12, 11, 10}));
  BOOST_CHECK_EXCEPTION(find_sentinels(Pieces{}), Error, says("has no <extra_id_0>"));
}

}  // namespace anser::test
