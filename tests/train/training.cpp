#include <anser/ops/dropout.hpp>
#include <anser/ops/gather.hpp>
#include <anser/train/chosen.hpp>
#include <anser/train/training.hpp>

#include "../gradient.hpp"
#include "../io/temporary.hpp"

namespace anser::test {
namespace {
using B = Cpu<float>;
constexpr int words = 12, width = 4;

/// Learns to give each word of the input the same vector as its target, through dropout.
struct Toy {
  const io_test::Folder& folder;
  TrainingOptions options;
  Real<B> table = tensor<B>(device<B>(), {words, width}, numbers(words* width, 1), true);
  double poison = 0;  // added to the loss

  explicit Toy(const io_test::Folder& f, const std::string& output) : folder(f) {
    std::string lines;
    for (int i = 0; i < 30; ++i) {
      const char a = char('a' + i % words), b = char('a' + (i * 5 + 1) % words);
      lines += concat("{\"input\": \"", a, b, "\", \"target\": \"", b, a, "\"}\n");
    }
    folder.write("data.jsonl", lines);
    options.directory = folder.path(output);
    options.steps = 20;
    options.save_every = 3;
    options.validate_every = 5;
    options.seed = 7;
  }
  static std::vector<std::int32_t> encode(const std::string& text) {
    std::vector<std::int32_t> ids;
    for (const char c : text) ids.push_back(c - 'a');
    return ids;
  }
  static Index<B> flat(const std::vector<std::vector<std::int32_t>>& rows) {
    std::vector<std::int32_t> all;
    for (const auto& r : rows) all.insert(all.end(), r.begin(), r.end());
    return {device<B>(), {int(all.size())}, all};
  }
  Training<B, ChosenOptimizer> begin() {
    Fit<B, ChosenOptimizer> fit({AdamW{}}, {{"table", table}}, {Schedule::Kind::cosine, 0.05, 2, options.steps});
    fit.accumulate = 2;
    Batching batching;
    batching.examples = 4;
    Feed feed({folder.path("data.jsonl")}, {.held_out = 0.2, .seed = options.seed}, batching, {}, encode);
    auto validation = feed.held_out();
    const auto loss = [this](const Context<B>& cx, const TokenBatch& texts, const Batch<B>& batch) {
      const auto from = dropout(cx, gather(cx, table, flat(texts.inputs)), batch.training ? 0.2f : 0.f, batch.random);
      const auto error = add(cx, from, gather(cx, table, flat(texts.targets)), -1);
      auto l = scale(cx, sum(cx, multiply(cx, error, error)), 1.0 / double(texts.inputs.size()));
      if (poison != 0 && batch.training && batch.step == 4) l = scale(cx, l, poison);
      return l;
    };
    return {std::move(fit), std::move(feed), std::move(validation), loss, options};
  }
};
const auto go_on = [](const Metric&) { return true; };
}  // namespace

BOOST_AUTO_TEST_CASE(stopped_anywhere_it_ends_in_the_same_bits) {
  const io_test::Folder folder;
  Toy whole(folder, "whole");
  auto training = whole.begin();
  BOOST_TEST(training.run(go_on));
  const auto end = whole.table.host();
  BOOST_TEST(training.steps() == 20);
  BOOST_TEST(training.metrics().size() == 20 + 4);
  for (const int stop : {1, 2, 3, 7, 19}) {
    BOOST_TEST_CONTEXT("stopped after " << stop) {
      const std::string output = "stopped" + std::to_string(stop);
      {  // asked to stop: saved there
        Toy toy(folder, output);
        BOOST_TEST(!toy.begin().run([&](const Metric& m) { return m.step < stop; }));
      }
      {  // lost without a word: the steps since the last save are made again
        Toy toy(folder, output);
        toy.options.resume = true;
        auto t = toy.begin();
        BOOST_TEST(t.steps() == stop);
        struct Lost {};
        BOOST_CHECK_THROW(t.run([&](const Metric& m) -> bool {
          if (m.step > stop + 1 || m.step == 20) throw Lost{};
          return true;
        }),
                          Lost);
      }
      Toy toy(folder, output);
      toy.options.resume = true;
      auto t = toy.begin();
      BOOST_TEST(t.run(go_on));
      BOOST_TEST((toy.table.host() == end));
      BOOST_TEST(t.metrics().size() == training.metrics().size());
      for (std::size_t i = 0; i < t.metrics().size(); ++i) {
        BOOST_TEST(t.metrics()[i].step == training.metrics()[i].step);
        BOOST_TEST(t.metrics()[i].loss == training.metrics()[i].loss, boost::test_tools::tolerance(1e-7));
      }
      BOOST_TEST(t.take_best() == training.take_best());
      BOOST_TEST((toy.table.host() == whole.table.host()));
      whole.table.assign(end);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_best_validation_is_kept) {
  const io_test::Folder folder;
  Toy toy(folder, "best");
  auto t = toy.begin();
  double best = 1e9;
  long long at = 0;
  std::vector<float> then;
  BOOST_TEST(t.run([&](const Metric& m) {
    if (m.validation && *m.validation < best) best = *m.validation, at = m.step, then = toy.table.host();
    if (m.step == 10) toy.table.assign(std::vector<float>(words * width, 3.f + float(m.validation.has_value())));
    return true;
  }));
  BOOST_TEST(t.take_best() == at);
  BOOST_TEST((toy.table.host() == then));
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_stops_with_the_lines_and_the_checkpoint_stays) {
  const io_test::Folder folder;
  Toy toy(folder, "poisoned");
  toy.poison = INFINITY;
  try {
    toy.begin().run(go_on);
    BOOST_FAIL("it went on");
  } catch (const NotFinite& e) {
    const std::string what = e.what();
    for (const char* words : {"the loss of step 5 is inf", "the batch was ", "data.jsonl:6, "})
      BOOST_TEST(what.find(words) != what.npos, what);
  }
  toy.poison = 0;
  toy.options.resume = true;
  auto again = toy.begin();
  BOOST_TEST(again.steps() == 3);
  BOOST_TEST(again.run(go_on));
}

BOOST_AUTO_TEST_CASE(one_training_at_a_time) {
  const io_test::Folder folder;
  Toy toy(folder, "busy");
  const auto first = toy.begin();
  CHECK_SAYS(toy.begin(), "another training is running here");
}

BOOST_AUTO_TEST_CASE(what_is_damaged_or_of_something_else_is_not_gone_on_with) {
  const io_test::Folder folder;
  Toy toy(folder, "damaged");
  toy.options.trained = "this";
  toy.begin().run(go_on);
  toy.options.resume = true;
  toy.options.steps = 22;
  toy.options.trained = "that";
  CHECK_SAYS(toy.begin(), "what was trained is this, and now it is that");
  toy.options.trained = "this";
  for (const std::string file : {"last", "best"}) {
    auto bytes = io_test::read(folder.path("damaged/" + file + ".safetensors"));
    std::fill(bytes.end() - 4, bytes.end(), char(0xff));  // a NaN
    folder.write("damaged/" + file + ".safetensors", bytes);
    if (file == "last") {
      CHECK_SAYS(toy.begin(), "last.safetensors", "not finite; the file is damaged");
      toy.options.directory = folder.path("again");
      toy.options.resume = false;
      toy.begin().run(go_on);
      std::filesystem::rename(folder.path("again/last.safetensors"), folder.path("damaged/last.safetensors"));
      toy.options.directory = folder.path("damaged");
      toy.options.resume = true;
      toy.options.steps = 22;
    } else {
      auto t = toy.begin();
      CHECK_SAYS(t.take_best(), "best.safetensors", "not finite");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_holds_a_training_is_not_written_over) {
  const io_test::Folder folder;
  Toy toy(folder, "used");
  toy.options.steps = 4;
  toy.begin().run(go_on);
  CHECK_SAYS(toy.begin(), "a training was begun here");
  toy.options.resume = true;
  toy.options.steps = 3;
  CHECK_SAYS(toy.begin(), "4 steps are made already, and 3 are asked for");
  folder.write("used/last.safetensors", "cut");
  CHECK_SAYS(toy.begin(), "last.safetensors");
  Toy nowhere(folder, "data.jsonl/below");
  CHECK_SAYS(nowhere.begin(), "the folder cannot be made");
}

}  // namespace anser::test
