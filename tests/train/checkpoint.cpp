#include <anser/train/adafactor.hpp>
#include <anser/train/checkpoint.hpp>

#include "../io/temporary.hpp"
#include "regression.hpp"

namespace anser::test {

template <class O>
void check_resumed() {
  using B = Cpu<float>;
  const io_test::Folder folder;
  const std::string path = folder.path("checkpoint.safetensors");
  Regression<B, O> whole, first;
  for (int i = 0; i < 12; ++i) whole.step();
  for (int i = 0; i < 5; ++i) first.step();
  save_checkpoint(path, first.fit.parameters(), first.fit.optimizer, {{"drawn", "40"}});
  Regression<B, O> second;
  const auto notes = load_checkpoint(path, second.fit.parameters(), second.fit.optimizer);
  BOOST_TEST(notes.at("drawn") == "40");
  BOOST_TEST(second.fit.optimizer.steps == 5);
  for (int i = 5; i < 12; ++i) second.step();
  BOOST_TEST((second.weight.host() == whole.weight.host()));  // the same bits
}

BOOST_AUTO_TEST_CASE(a_resumed_training_ends_in_the_same_bits) {
  check_resumed<AdamW>();
  check_resumed<Adafactor>();
}

BOOST_AUTO_TEST_CASE(checkpoints_that_do_not_fit_are_named) {
  using B = Cpu<float>;
  const io_test::Folder folder;
  const std::string path = folder.path("checkpoint.safetensors");
  Regression<B> r;
  r.step();
  save_checkpoint(path, r.fit.parameters(), r.fit.optimizer, {});
  Regression<B, Adafactor> other;
  const auto before = other.weight.host();
  CHECK_SAYS(load_checkpoint(path, other.fit.parameters(), other.fit.optimizer), "weight.by_row is missing");
  BOOST_TEST((other.weight.host() == before));
  const auto wide = tensor<B>(device<B>(), {4, 5}, numbers(20, 1), true);
  Fit<B, AdamW> fit({}, {{"weight", wide}}, {});
  CHECK_SAYS(load_checkpoint(path, fit.parameters(), fit.optimizer), "parameter.weight has the shape [3, 5]");
  const auto text = io_test::read(path);
  folder.write("cut.safetensors", text.substr(0, text.size() - 1));
  CHECK_SAYS(load_checkpoint(folder.path("cut.safetensors"), r.fit.parameters(), r.fit.optimizer), "cut.safetensors");
}

}  // namespace anser::test
