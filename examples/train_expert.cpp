// Trains a LoRA expert on a JSONL file, and writes a directory that PEFT loads too: docs/first_expert.md, in C++.
//   train_expert MODEL DATA.jsonl EXPERT
#include <anser/cpu.hpp>
#include <anser/train.hpp>

#include <cstdio>

using namespace anser;
using Device = Cpu<float>;

namespace {

void train(const std::string& model_directory, const std::string& data, const std::string& output) {
  Device device;
  const auto files = ModelDirectory::open(model_directory);
  const auto tokenizer = Tokenizer::load(model_directory);
  T5Model<Device> model(device, read_config(*files));
  model.load(*files);

  // An expert at every q and v, heard whatever the input is; everything else is packed, and stays as it is.
  const auto targets = Targets::parse("q,v");
  const Lora lora{.rank = 8, .alpha = 8};
  const std::vector<Expert> one{create_expert("mine", sites_of(model, targets), lora, Random{1})};
  attach<Device, Lora, Uniform>(model, one);
  model.pack();
  const auto parameters = learn_only<Device>(Pattern(".*"), experts_of(model));

  Fit<Device, ChosenOptimizer> fit({AdamW{}}, parameters, {Schedule::Kind::linear, 3e-3, 5, 50});
  Feed feed({data}, {.held_out = 0.1}, {.examples = 16}, {.input = 128, .target = 32},
            [&](const std::string& text) { return tokenizer.encode(text); });
  auto validation = feed.held_out();
  const auto loss = [&](const Context<Device>& cx, const TokenBatch& texts, const Batch<Device>& batch) {
    return batch_loss(cx, model, texts, batch, {});
  };
  Training<Device, ChosenOptimizer> training(
      std::move(fit), std::move(feed), std::move(validation), loss,
      {.directory = output + "/training", .steps = 50, .save_every = 10, .validate_every = 10, .resume = true});
  training.run([](const Metric& m) {
    if (m.validation) std::printf("step %lld: validation loss %.3f\n", m.step, *m.validation);
    return true;
  });

  const long long step = training.take_best();
  write_record(output, {"mine", model_directory, files->hash(), data, step});
  write_expert(output, {.rank = lora.rank, .alpha = lora.alpha, .targets = targets, .base_model = model_directory},
               expert_tensors(training.parameters(), "mine"));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: train_expert MODEL DATA.jsonl EXPERT\n", stderr);
    return 2;
  }
  try {
    train(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "train_expert: %s\n", error.what());
    return 1;
  }
  return 0;
}
